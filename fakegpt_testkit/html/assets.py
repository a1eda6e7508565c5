"""The page's own style and script, the same for every cassette.

The script searches, and plays a stream at its recorded times: without it everything is there all the same. Where a
reader wants less motion the cursor does not glide, and goes from event to event.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #596069; --line: #d0d7de; --soft: #f3f5f7;
  --chunk: #0b63b8; --event: #8a3ffc; --gap: #f7e3b5; --end: #1a7f37; --broken: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --paper: #14171b; --faint: #a5adb8; --line: #3a414a;
  --soft: #1d2127; --chunk: #6cb2ff; --event: #c49bff; --gap: #54430f; --end: #57c46e; --broken: #ff8a80; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 76rem; padding: 1.5rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 3rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
a { color: var(--chunk); } :focus-visible { outline: 3px solid var(--event); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; }
dt { color: var(--faint); } dd { margin: 0; }
pre { white-space: pre-wrap; background: var(--soft); padding: .75rem; border-radius: 6px;
  max-height: 30rem; overflow: auto; margin: .25rem 0; font-size: .85rem; }
.wide { overflow-x: auto; } svg { display: block; width: 100%; min-width: 40rem; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); } svg .faint { fill: var(--faint); }
.chunk { fill: var(--chunk); } .event { fill: var(--event); } .gap { fill: var(--gap); } .axis { stroke: var(--line); }
.end { stroke: var(--end); stroke-width: 2; } .broken { stroke: var(--broken); } .bad { color: var(--broken); }
table { border-collapse: collapse; width: 100%; font-size: .9rem; } caption { text-align: left; color: var(--faint); }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.data { width: 60%; } summary { cursor: pointer; font-family: ui-monospace, monospace; }
.search { display: flex; gap: .75rem; align-items: baseline; flex-wrap: wrap; position: sticky; top: 0;
  background: var(--paper); padding: .75rem 0; border-bottom: 1px solid var(--line); }
input { font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--faint); border-radius: 6px;
  padding: .3rem .6rem; min-width: 18rem; }
ins { text-decoration: none; color: var(--end); font-family: ui-monospace, monospace; white-space: pre-wrap; }
.player { display: flex; gap: .75rem; align-items: center; flex-wrap: wrap; margin: .5rem 0; }
button { font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--faint); border-radius: 6px;
  padding: .3rem 1rem; min-width: 6rem; cursor: pointer; }
input[type=range] { flex: 1 1 10rem; min-width: 8rem; padding: 0; } .cursor { stroke: var(--event); stroke-width: 2; }
[hidden] { display: none !important; }
@media (max-width: 40rem) { body { padding: .75rem; } h2 { margin-top: 2rem; } .by { display: none; }
  dl { grid-template-columns: 1fr; } dt { margin-top: .4rem; } svg { min-width: 34rem; } ol { padding-left: 1.5rem; }
  th, td { padding-right: .4rem; } td.data { width: 45%; } .search { gap: .25rem; }
  input { min-width: 0; width: 100%; } }
"""

SCRIPT: Final = """
"use strict";
const box = document.getElementById("search");
const said = document.getElementById("found");
const rows = Array.from(document.querySelectorAll("tr[data-event]"));
const texts = rows.map((row) => row.textContent.toLowerCase());
function search() {
  const words = box.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let found = 0;
  rows.forEach((row, at) => {
    const fits = words.every((word) => texts[at].includes(word));
    row.hidden = !fits;
    if (fits) found += 1;
  });
  said.textContent = words.length ? found + " of " + rows.length + " events" : rows.length + " events";
}
document.querySelector(".search").hidden = false;
box.addEventListener("input", search);
document.addEventListener("keydown", (key) => {
  if (key.key === "/" && document.activeElement !== box) { key.preventDefault(); box.focus(); }
  if (key.key === "Escape" && document.activeElement === box) { box.value = ""; search(); }
});
search();

const still = matchMedia("(prefers-reduced-motion: reduce)");
document.querySelectorAll(".player").forEach((player) => {
  const number = player.dataset.stream, end = Number(player.dataset.end);
  const [button, slider, output] = ["button", "input", "output"].map((name) => player.querySelector(name));
  const text = document.getElementById("text-" + number), cursor = document.getElementById("cursor-" + number);
  const left = Number(cursor.dataset.left), width = Number(cursor.dataset.width);
  const whole = text.textContent, pieces = [];
  document.querySelectorAll("#events-" + number + " ins").forEach((piece) => pieces.push({
    at: Number(piece.closest("tr").dataset.at), said: piece.textContent, whole: "whole" in piece.dataset }));
  const rows = document.querySelectorAll("#events-" + number + " tr[data-at]");
  const times = Array.from(rows, (row) => Number(row.dataset.at));
  let at = end, began = null, timer = null;
  function draw() {
    let said = "";
    for (const piece of pieces) {
      if (piece.at > at) break;
      said = piece.whole ? piece.said : said + piece.said;
    }
    text.textContent = at >= end ? whole : said;
    const x = left + width * Math.min(at, end) / end;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.setAttribute("visibility", at < end ? "visible" : "hidden");
    slider.value = Math.round(at * 1000);
    output.textContent = at.toFixed(3) + " s of " + end.toFixed(3) + " s";
  }
  function stop() {
    began = null;
    clearTimeout(timer);
    cancelAnimationFrame(timer);
    button.textContent = "Play";
  }
  function step() {
    if (began === null) return;
    at = Math.min(end, (performance.now() - began) / 1000);
    draw();
    if (at >= end) { stop(); return; }
    const next = times.find((time) => time > at) || end;
    timer = still.matches ? setTimeout(step, (next - at) * 1000 + 1) : requestAnimationFrame(step);
  }
  button.addEventListener("click", () => {
    if (began !== null) { stop(); return; }
    if (at >= end) at = 0;
    began = performance.now() - at * 1000;
    button.textContent = "Pause";
    step();
  });
  slider.addEventListener("input", () => { stop(); at = Math.min(end, slider.value / 1000); draw(); });
  player.addEventListener("keydown", (key) => { if (key.key === "Escape") { stop(); at = end; draw(); } });
  player.hidden = false;
  draw();
});
"""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY: Final = (
    f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; base-uri 'none'; form-action 'none'"
)
"""What the browser lets the page do: nothing but its own style and script."""
