// A version in Kiln's own writing, and as each package format writes it: two versions never become one, and they sort alike
// everywhere. docs/versions.md has the table.

export { debVersion } from "./version/debian.ts";
export { parseVersion, writeVersion } from "./version/model.ts";
export { compareVersions } from "./version/order.ts";
export { pythonVersion } from "./version/python.ts";
export { readDebian, readPython } from "./version/read.ts";
export { rpmFields, rpmVersion } from "./version/rpm.ts";
export { chartVersion, isSemantic, npmVersion } from "./version/semantic.ts";
