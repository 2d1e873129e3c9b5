// A WebSocket that comes back, and the line that says how it is.

const WORDS = {
  open: "Connected",
  connecting: "Connecting …",
  gap: "Servers cannot reach each other",
  lost: "Connection lost, trying again …",
  closed: "The server is closing",
};

export function showStatus(state) {
  const status = document.getElementById("status");
  status.dataset.state = state;
  status.firstElementChild.textContent = WORDS[state] ?? state;
}

export function showGap(state, lost) {
  const gap = document.getElementById("gap");
  gap.hidden = state !== "gap" && state !== "lost";
  if (state === "lost") {
    gap.textContent = "The connection to the server is lost. What others say meanwhile comes when it is back, if the server remembers it.";
  } else if (state === "gap") {
    gap.textContent = lost
      ? "The connection between the servers is lost. Messages may be lost until it is back."
      : "The connection between the servers is lost. Messages come late until it is back.";
  }
}

export class Socket {
  // `path` is called for each attempt; `heard` with each object that comes.
  constructor(path, heard) {
    this.path = path;
    this.heard = heard;
    this.attempts = 0;
    this.connect();
  }

  connect() {
    showStatus("connecting");
    const url = new URL(this.path(), location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = (this.socket = new WebSocket(url));
    socket.addEventListener("open", () => { this.attempts = 0; });
    socket.addEventListener("message", (event) => {
      // One that is being closed may still say something, of the room that was left.
      if (socket === this.socket) this.received(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      if (socket !== this.socket) return;
      if (event.code >= 4000) {
        this.heard({ type: "closed", text: event.reason });
        return;
      }
      showStatus("lost");
      showGap("lost", true);
      this.attempts += 1;
      this.timer = setTimeout(() => this.connect(), Math.min(5000, 200 * 2 ** this.attempts) * (0.5 + Math.random()));
    });
  }

  received(what) {
    if (what.type === "status") {
      showStatus(what.state);
      showGap(what.state, what.lost);
    }
    this.heard(what);
  }

  // Whether it was sent.
  send(what) {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(what));
    return true;
  }

  close() {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket.close();
  }
}
