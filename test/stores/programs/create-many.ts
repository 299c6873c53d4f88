// create-many.ts FOLDER COUNT: creates the same COUNT keys as everybody else who runs this. Prints how many it made itself.

import { openFolderStore } from "../../../src/stores/folder.ts";

const [folder = "", count = ""] = process.argv.slice(2);
const store = await openFolderStore(folder, new AbortController().signal);
async function* body(number: number) {
  for (let piece = 0; piece < 5; piece++) yield Buffer.alloc(10_000, number + piece);
}
const answers = await Promise.all(
  Array.from({ length: Number(count) }, (_, number) => store.create(`pool/${number % 7}/${number}/blob`, body(number))),
);
console.log(answers.filter((answer) => answer === "created").length);
