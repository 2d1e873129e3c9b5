// Calls the server's methods by JSON-RPC and shows what goes over the wire.

const EXAMPLES = {
  echo: ["Grüße"],
  sort: [[3, 1, 2]],
  count: [["a", "b", "c"]],
  divide: { dividend: 1, divisor: 3 },
  wait: [2],
  nothing: [],
};

const byId = (id) => document.getElementById(id);
const form = byId("call");
const params = byId("params");
let lastId = 0;
let batch = [];
let waiting = false;

/** One call, as the form says; null where the arguments are no JSON. */
function readCall(version) {
  let given;
  try {
    given = JSON.parse(params.value);
    if (given === null || typeof given !== "object") throw new Error("neither array nor object");
  } catch (error) {
    params.setAttribute("aria-invalid", "true");
    byId("params-error").textContent = `These are no arguments: ${error.message}`;
    params.focus();
    return null;
  }
  params.removeAttribute("aria-invalid");
  byId("params-error").textContent = "";
  const call = { method: byId("method").value, params: given };
  if (!byId("notification").checked || version === "1.0") call.id = ++lastId;
  return version === "2.0" ? { jsonrpc: "2.0", ...call } : call;
}

/** Post a call or a batch; the response's status, and its body as text. */
async function post(content) {
  const response = await fetch("jsonrpc", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });
  return { status: response.status, text: await response.text() };
}

/** What an answer says, in a few words. */
function inWords(answer) {
  if (answer.error) return `error ${answer.error.code}: ${answer.error.message}`;
  return JSON.stringify(answer.result);
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function send(content) {
  waiting = true; // one at a time: what is shown belongs together
  byId("summary").textContent = "Waiting for the answer …";
  byId("wire").hidden = false;
  byId("request").textContent = JSON.stringify(content, null, 2);
  byId("response").textContent = "";
  try {
    const { status, text } = await post(content);
    byId("response").textContent = text ? pretty(text) : `(${status}, no content)`;
    if (!text) {
      byId("summary").textContent = "The server has nothing to say to notifications.";
    } else {
      const answers = [JSON.parse(text)].flat();
      byId("summary").textContent = `The answer: ${answers.map(inWords).join(", ")}`;
    }
  } catch (error) {
    byId("summary").textContent = `No answer: ${error.message}`;
  } finally {
    waiting = false;
  }
}

function showBatch() {
  byId("batch").replaceChildren(
    ...batch.map((call) => {
      const item = document.createElement("li");
      const code = document.createElement("code");
      code.textContent = `${call.method} ${JSON.stringify(call.params)}`;
      item.append(code, "id" in call ? "" : " (a notification)");
      return item;
    }),
  );
  byId("batch-hint").textContent = `Several calls in one request. ${
    batch.length ? `So far: ${batch.length}.` : "It is empty."
  }`;
  byId("send").disabled = byId("clear").disabled = batch.length === 0;
}

function showVersion() {
  const old = form.elements.version.value === "1.0";
  byId("notification").disabled = byId("add").disabled = old;
}

function showExample() {
  params.value = JSON.stringify(EXAMPLES[byId("method").value]);
}

byId("method").addEventListener("change", showExample);
form.addEventListener("change", showVersion);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (waiting) return;
  const call = readCall(form.elements.version.value);
  if (call !== null) send(call);
});
byId("add").addEventListener("click", () => {
  const call = readCall("2.0");
  if (call === null) return;
  batch.push(call);
  showBatch();
  byId("summary").textContent = `Added: the batch has ${batch.length}.`;
});
byId("clear").addEventListener("click", () => {
  batch = [];
  showBatch();
  byId("method").focus();
});
byId("send").addEventListener("click", () => {
  if (waiting) return;
  send(batch);
  batch = [];
  showBatch();
  byId("method").focus(); // the button, which is disabled now, loses it
});

showExample();
showVersion();
