// Asks a server as programs in Node do, and prints what came of it as JSON. What is to be asked is the second argument.
import { createRequire } from "node:module";

const [base, what] = process.argv.slice(2);
const installed = createRequire(`${process.env.MODULES}/a.js`);

async function fetched(path, options) {
  const began = performance.now();
  const pieces = [];
  try {
    const answer = await fetch(base + path, options);
    const decoder = new TextDecoder();
    for await (const piece of answer.body) pieces.push([performance.now() - began, decoder.decode(piece)]);
    return { status: answer.status, pieces };
  } catch (error) {
    return { pieces, error: error.cause?.code ?? error.name };
  }
}

async function asked() {
  const OpenAI = installed("openai").default;
  const client = new OpenAI({ apiKey: "sk-test", baseURL: `${base}/v1` });
  const ask = async (content) => {
    const texts = [];
    try {
      const messages = [{ role: "user", content }];
      for await (const chunk of await client.chat.completions.create({ model: "m", stream: true, messages }))
        texts.push(chunk.choices[0]?.delta?.content);
      return { texts };
    } catch (error) {
      return { texts, error: error.constructor.name, status: error.status, message: error.message };
    }
  };
  return { whole: await ask("Say hello"), miss: await ask("Say hi") };
}

function listened(path) {
  const { EventSource } = installed("eventsource");
  return new Promise((done) => {
    const source = new EventSource(base + path);
    const events = [];
    source.onmessage = (event) => events.push(event.data);
    source.onerror = (error) => {
      source.close();
      done({ events, error: String(error.message ?? ""), code: error.code });
    };
  });
}

const results = {};
if (what === "fetch") {
  for (const path of ["/stream", "/reset", "/eof", "/malformed", "/nothing"]) results[path] = await fetched(path);
  results["/stalled"] = await fetched("/stalled", { signal: AbortSignal.timeout(300) });
  results["/missing"] = await fetched("/missing");
} else if (what === "openai") Object.assign(results, await asked());
else for (const path of ["/stream", "/reset"]) results[path] = await listened(path);
console.log(JSON.stringify(results));
process.exit(0);
