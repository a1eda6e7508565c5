// Asks for answers that break, with Node's fetch and the package eventsource; prints what its user met of each, as JSON.
import { createRequire } from "node:module";

const [bases, ...paths] = process.argv.slice(2);
const QUIET = 400; // milliseconds without anything after which an answer counts as stalled

async function fetched(url) {
  let text = "";
  const decoder = new TextDecoder();
  const control = new AbortController();
  let timer;
  const wait = () => { clearTimeout(timer); timer = setTimeout(() => control.abort(), QUIET); };
  try {
    const answer = await fetch(url, { signal: control.signal });
    wait();
    for await (const piece of answer.body) { wait(); text += decoder.decode(piece); }
    return { text, end: "whole" };
  } catch (error) {
    return { text, end: error.cause?.code ?? error.name };
  } finally {
    clearTimeout(timer);
  }
}

function listened(url) {
  const { EventSource } = createRequire(`${process.env.MODULES}/a.js`)("eventsource");
  return new Promise((done) => {
    const source = new EventSource(url);
    let text = "", timer;
    const over = (end) => { clearTimeout(timer); source.close(); done({ text, end }); };
    const wait = () => { clearTimeout(timer); timer = setTimeout(() => over("quiet"), QUIET); };
    source.onopen = wait;
    source.onmessage = (event) => { text += `data: ${event.data}\n\n`; wait(); };
    source.onerror = (error) => over(`${error.code ?? ""} ${error.message ?? ""}`);
  });
}

const results = {};
const ask = async (base, kind, how) =>
  Promise.all(paths.map(async (path) => { results[base][`${kind} ${path}`] = await how(base + path); }));
for (const base of bases.split(",")) {
  results[base] = {};
  await Promise.all([ask(base, "fetch", fetched), ask(base, "EventSource", listened)]);
}
console.log(JSON.stringify(results));
process.exit(0);
