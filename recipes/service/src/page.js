// The board as a page, for people.

export function page(notices) {
  const open = notices.filter(({ closed }) => closed === null);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${open.length === 0 ? "All is well" : `${open.length} open`}</title>
<h1>${open.length === 0 ? "All is well" : "What is going on"}</h1>
${notices.map(article).join("\n")}
</html>
`;
}

function article({ title, body, severity, opened, closed }) {
  return `<article>
<h2>${escape(title)}</h2>
<p>${escape(severity)}, since ${escape(opened)}${closed === null ? "" : `, mended ${escape(closed)}`}</p>
<p>${escape(body)}</p>
</article>`;
}

function escape(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}
