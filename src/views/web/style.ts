// The one style of all pages: system fonts, one column, light and dark, paper. It lies under its digest, and never changes.

export const style = `:root {
  color-scheme: light dark;
  --paper: #fffdfa; --ink: #23201d; --soft: #655d55; --line: #e4ddd3; --panel: #f7f2ea; --accent: #a03a12;
  --good: #2d6a3e; --warn: #8a5200; --bad: #a8201a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #171412; --ink: #ece5dc; --soft: #aea498; --line: #3a332c; --panel: #211d19; --accent: #f29b6d;
    --good: #86c994; --warn: #e8b462; --bad: #ff9086;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 0 1.25rem; max-width: 54rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 ui-sans-serif, system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
a { color: var(--accent); text-decoration-thickness: .06em; text-underline-offset: .18em; }
a:hover { text-decoration-thickness: .12em; }
:focus-visible { outline: .15rem solid var(--accent); outline-offset: .15rem; border-radius: .15rem; }
.skip { position: absolute; left: -100vw; }
.skip:focus { position: static; display: inline-block; margin-top: .5rem; }
header { padding: 1.1rem 0 .9rem; border-bottom: 1px solid var(--line); }
header ol { margin: 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: 0 .5rem; }
header li + li::before { content: "/"; color: var(--soft); margin-right: .5rem; }
header a { text-decoration: none; }
header a:hover { text-decoration: underline; }
.origin { font-weight: 650; letter-spacing: -.01em; color: inherit; }
main { padding: 1.6rem 0 2.5rem; }
h1, h2, h3, h4 { line-height: 1.2; letter-spacing: -.015em; font-weight: 680; text-wrap: balance; }
h1 { margin: 0 0 .4rem; font-size: clamp(1.7rem, 5vw, 2.3rem); }
h1 .version { font-weight: 400; color: var(--soft); }
h2 { margin: 2.6rem 0 .8rem; font-size: 1.3rem; }
h3 { margin: 1.8rem 0 .5rem; font-size: 1.05rem; }
h4 { margin: 1.2rem 0 .3rem; font-size: .95rem; }
p { margin: .5rem 0 .8rem; max-width: 42rem; }
.lead { color: var(--soft); }
h3 small, th small { font-weight: 400; letter-spacing: 0; }
small, .soft { color: var(--soft); font-size: .875rem; }
code, pre, .digest { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .86em; }
pre {
  margin: .5rem 0 .9rem; padding: .75rem .9rem; background: var(--panel); border: 1px solid var(--line); border-radius: .45rem;
  white-space: pre-wrap; line-height: 1.5; tab-size: 2;
}
pre code { font-size: .84rem; -webkit-user-select: all; user-select: all; }
.digest { color: var(--soft); word-break: break-all; }
table { width: 100%; border-collapse: collapse; margin: .4rem 0 1rem; font-size: .94rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; font-size: .875rem; }
th, td { text-align: left; vertical-align: baseline; padding: .45rem .9rem .45rem 0; border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-weight: 500; font-size: .82rem; white-space: nowrap; }
tbody th { font-weight: 600; min-width: 6.5em; }
td { min-width: 4em; }
td.number, th.number { text-align: right; white-space: nowrap; }
time { white-space: nowrap; }
dl { margin: .6rem 0 1rem; display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .3rem 1.2rem; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; }
ul { padding-left: 1.2rem; }
.inline { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .1rem .9rem; }
.badge {
  display: inline-block; padding: 0 .5em; border: 1px solid currentColor; border-radius: 1em; font-size: .78rem; font-weight: 600;
  line-height: 1.5; vertical-align: .1em; white-space: nowrap; letter-spacing: 0;
}
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.notice { border-left: .25rem solid currentColor; padding: .1rem 0 .1rem .9rem; margin: 1rem 0; }
.notice span { color: var(--ink); }
article { border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1.1rem 1rem; margin: 0 0 1rem; }
article > h3 { margin: 0 0 .3rem; }
article dl { margin: .5rem 0; }
details { margin: .5rem 0; }
details > summary { cursor: pointer; color: var(--accent); padding: .3rem 0; }
section.channel > details { border-top: 1px solid var(--line); margin: 0; padding: .25rem 0; }
summary h3 { display: inline; margin: 0; }
footer { border-top: 1px solid var(--line); padding: 1rem 0 2.5rem; color: var(--soft); font-size: .85rem; }
@media (max-width: 34rem) {
  dl { grid-template-columns: 1fr; gap: 0; }
  dd + dt { margin-top: .5rem; }
  .wide { display: none; }
  th, td { padding-right: .6rem; }
}
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --panel: #fff; --accent: #000; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  .skip { display: none; }
  article, pre, tr { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
}
`;
