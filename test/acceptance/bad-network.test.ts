// Stores behind a network that isn't there, or a server that answers nonsense; a registry that a step can't reach.

import { mkdir } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";

import { afterAll, beforeAll, expect, test } from "vitest";

import { contentsOf } from "../fixtures/contents.ts";
import { freePort } from "../fixtures/host.ts";
import {
  commit,
  copyScene,
  expectRefused,
  kiln,
  kilnDone,
  makeScene,
  recipe,
  removeScene,
  type Scene,
  stateOf,
} from "../fixtures/scene.ts";
import { files, type Handler, serve } from "../stores/web-server.ts";

let scene: Scene;
beforeAll(async () => void (scene = await makeScene()));
afterAll(() => removeScene(scene));

const readers: readonly (readonly string[])[] = [["list"], ["verify", "app@1.0.0"], ["deploy", "app:staging"]];

/** Runs every reading command against a server, and expects each to fail in the same way, having changed nothing. */
async function expectAllRefused(url: string, ending: Parameters<typeof expectRefused>[1]): Promise<void> {
  const own = await copyScene(scene);
  try {
    await mkdir(own.host);
    const before = await stateOf(own);
    const said = await Promise.all(readers.map((args) => kiln(own, args, { env: { KILN_STORE: url } })));
    for (const one of said) expectRefused(one, ending);
    expect(await stateOf(own)).toEqual(before);
  } finally {
    await removeScene(own);
  }
}

async function withServer(answer: Handler, work: (url: string) => Promise<void>): Promise<void> {
  const server = await serve(answer);
  try {
    await work(server.url);
  } finally {
    await server.close();
  }
}

/** A server of bytes, not of HTTP. */
async function withRawServer(answer: string, work: (url: string) => Promise<void>): Promise<void> {
  const server = createServer((socket) => socket.on("error", () => undefined).end(answer));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  } finally {
    server.close();
  }
}

const unreachable = { status: 1, code: "STORE_UNREACHABLE" } as const;

test("a server that refuses connections", async () => {
  await expectAllRefused(`http://127.0.0.1:${await freePort()}/`, { ...unreachable, says: "ECONNREFUSED" });
  await expectAllRefused("http://127.0.0.1:1/", unreachable);
});

test("a host that there isn't", async () => {
  await expectAllRefused("http://no-such-host.invalid/", { ...unreachable, says: /ENOTFOUND|EAI_AGAIN/ });
});

test("https where only http is spoken", async () => {
  await withServer(
    (_, response) => void response.end("{}"),
    async (url) => {
      await expectAllRefused(url.replace("http:", "https:"), unreachable);
    },
  );
});

test.each([
  ["answers nothing, and hangs up", ""],
  ["speaks something else", "SSH-2.0-OpenSSH_9.2\r\n"],
])("a server that %s", async (_, answer) => {
  await withRawServer(answer, (url) => expectAllRefused(url, unreachable));
});

test.each([500, 503, 418])("a server that answers %i", async (status) => {
  await withServer(
    (_, response) => void response.writeHead(status).end("no"),
    (url) => expectAllRefused(url, { ...unreachable, says: `HTTP ${status}` }),
  );
});

test.each([401, 403])("a server that answers %i", async (status) => {
  await withServer(
    (_, response) => void response.writeHead(status).end(),
    (url) => expectAllRefused(url, { status: 1, code: "STORE_REFUSED" }),
  );
});

test("a server that has nothing", async () => {
  await withServer(
    (_, response) => void response.writeHead(404).end(),
    (url) => expectAllRefused(url, { status: 1, code: "STORE_NOT_FOUND" }),
  );
});

test("a server that answers everything with a page", async () => {
  await withServer(
    (_, response) => void response.writeHead(200, { "content-type": "text/html" }).end("<html>log in</html>"),
    (url) => expectAllRefused(url, { status: 3, code: "STORE_CORRUPT", says: "kiln.json" }),
  );
});

test("a server that hangs up in the middle of each body", async () => {
  await withServer(
    (_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write('{"kiln":1,', () => response.destroy());
    },
    (url) => expectAllRefused(url, unreachable),
  );
});

test("a server that redirects for ever", async () => {
  await withServer(
    (request, response) => void response.writeHead(302, { location: `${request.url}x` }).end(),
    (url) => expectAllRefused(url, { ...unreachable, says: "redirect" }),
  );
});

test("a server whose documents never end", async () => {
  await withServer(
    (_, response) => {
      const piece = Buffer.alloc(1024 * 1024, " ");
      const write = (): void => {
        while (!response.destroyed && response.write(piece));
      };
      response.on("drain", write);
      write();
    },
    (url) => expectAllRefused(url, { status: 1, code: /^(?:STORE_UNREACHABLE|STORE_CORRUPT)$/ }),
  );
});

test("the store over http is read, deployed from, and refused for writing", async () => {
  const own = await copyScene(scene);
  try {
    await withServer(files(own.store), async (url) => {
      for (const args of readers) await kilnDone(own, args, { env: { KILN_STORE: url } });
      const before = await contentsOf(own.store, [".tmp"]);
      const said = await kiln(own, ["publish"], { env: { KILN_STORE: url } });
      expectRefused(said, { status: 1, code: "STORE_READ_ONLY" });
      expect(await contentsOf(own.store, [".tmp"])).toEqual(before);
    });
  } finally {
    await removeScene(own);
  }
});

test("a fetch step in the sandbox whose registry is unreachable fails with the step's own words", async () => {
  const own = await copyScene(scene);
  try {
    const registry = "http://127.0.0.1:1/";
    await commit(own, {
      "kiln.yaml": recipe({ fetch: `["npm install --registry=${registry} --fetch-retries=0 left-pad@1.3.0"]` }),
      "package.json": '{ "name": "app", "version": "1.0.0" }',
    });
    const before = await stateOf(own);
    const said = await kiln(own, ["publish"], { env: { KILN_ISOLATION: "sandbox" } });
    expectRefused(said, { status: 1, code: "STEP_FAILED", says: "npm install" });
    expect(said.stderr).toContain("ECONNREFUSED");
    expect(await stateOf(own)).toEqual(before);
  } finally {
    await removeScene(own);
  }
});

test("a build step has no network, whatever it tries", async () => {
  const own = await copyScene(scene);
  try {
    await withServer(
      (_, response) => void response.end("reached"),
      async (url) => {
        const script = `fetch('${url}').then((answer) => answer.text()).then(console.log)`;
        await commit(own, { "kiln.yaml": recipe({ build: JSON.stringify([`node -e "${script}"`]) }) });
        const said = await kiln(own, ["bake"], { env: { KILN_ISOLATION: "sandbox" } });
        expectRefused(said, { status: 1, code: "STEP_FAILED" });
        expect(said.stderr).not.toContain("reached");
      },
    );
  } finally {
    await removeScene(own);
  }
});
