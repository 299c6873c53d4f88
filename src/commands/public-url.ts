// Where clients will reach a store, as a person types it.

import { publicUrlSchema } from "../artifact/store-document.ts";
import { KilnError } from "../errors.ts";

/** The address with a `/` at its end. Throws USAGE, which names the command. */
export function checkPublicUrl(url: string, command: string): string {
  const whole = url.endsWith("/") ? url : `${url}/`;
  if (publicUrlSchema.safeParse(whole).success) return whole;
  const want = "want an address such as https://cdn.example.com/releases/";
  throw new KilnError("USAGE", `${command}: got --public-url ${url}, ${want}`, {
    hint: "leave out user names, passwords, queries and fragments",
  });
}
