"""Style sheet of the API reference."""

from __future__ import annotations

CSS = """
:root {
  color-scheme: light dark;
  --paper: #fcfcfa; --ink: #1c2024; --soft: #60646c; --line: #e3e3dd; --panel: #f4f4ef; --link: #0b62a8;
  --get: #0f6d4f; --post: #8a4b00; --put: #5b3db5; --patch: #5b3db5; --delete: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --ink: #e6e6e0; --soft: #9aa0a8; --line: #2a2f35; --panel: #1b1f24; --link: #7cc0ff;
    --get: #5fd0a4; --post: #f0b45f; --put: #b7a2ff; --patch: #b7a2ff; --delete: #ff9088;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--paper); color: var(--ink); display: grid; grid-template-columns: 19rem minmax(0, 1fr);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
code, pre, var, .m, .scope {
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .9em;
}
nav {
  position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem 1rem; border-right: 1px solid var(--line);
  background: var(--panel); font-size: 13px;
}
nav .brand { font-size: 1.15rem; font-weight: 650; color: var(--ink); } nav .brand small { color: var(--soft); }
nav h2 {
  font-size: 11px; letter-spacing: .08em; text-transform: uppercase; color: var(--soft); margin: 1.4rem 0 .3rem;
}
nav ul { list-style: none; margin: 0; padding: 0; }
nav li a { display: grid; grid-template-columns: 3.6rem 1fr; gap: .3rem; padding: .16rem 0; color: var(--ink); }
nav li a > span:only-child { grid-column: 1 / -1; }
main { padding: 2.5rem clamp(1rem, 4vw, 4rem) 6rem; max-width: 62rem; }
header p { max-width: 44rem; } h1 { font-size: 2rem; letter-spacing: -.02em; margin: 0 0 .5rem; }
section > h2 {
  margin: 3.5rem 0 0; padding-bottom: .3rem; border-bottom: 2px solid var(--ink); font-size: 1.25rem;
  text-transform: capitalize;
}
article { padding: 1.6rem 0 1.2rem; border-bottom: 1px solid var(--line); }
h3 { display: flex; flex-wrap: wrap; align-items: baseline; gap: .6rem; margin: 0; font-size: 1rem; font-weight: 600; }
h3 code { font-size: 1rem; } var { font-style: normal; color: var(--soft); }
h4 { margin: 1.1rem 0 .2rem; font-size: 12px; letter-spacing: .05em; text-transform: uppercase; color: var(--soft); }
.summary { margin: .35rem 0; font-size: 1.02rem; }
.m { font-size: 11px; font-weight: 700; letter-spacing: .03em; }
.get { color: var(--get); } .post { color: var(--post); } .put { color: var(--put); } .patch { color: var(--patch); }
.delete { color: var(--delete); }
.scope {
  margin-left: auto; font-size: 11px; font-weight: 400; color: var(--soft); border: 1px solid var(--line);
  border-radius: 1rem; padding: 0 .6rem;
}
table { width: 100%; border-collapse: collapse; font-size: 13.5px; }
td { padding: .35rem .8rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
td:first-child { width: 30%; } td:nth-child(2) { width: 24%; }
details td:first-child { width: 5rem; } details td:nth-child(2) { width: auto; }
small { color: var(--soft); } em { font-style: normal; font-size: 11px; color: var(--delete); }
details { margin-top: .8rem; } summary { cursor: pointer; color: var(--soft); font-size: 13px; }
.s2, .s3 { color: var(--get); } .s4, .s5, .sd { color: var(--delete); }
pre {
  background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; overflow-x: auto;
}
pre i { color: var(--soft); font-style: normal; }
:target > h3 { background: color-mix(in srgb, var(--link) 12%, transparent); border-radius: .3rem; }
@media (max-width: 60rem) { body { display: block; } nav { position: static; height: auto; border: 0; } }
@media print { nav { display: none; } body { display: block; } }
"""
