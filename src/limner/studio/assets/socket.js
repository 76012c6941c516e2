// One WebSocket for all tabs of a browser. The tab that has the lock opens it and passes on what comes; when it goes,
// the next tab has the lock. Where the browser has no locks (a page over plain HTTP), each tab has a socket of its own.
const RETRY_S = [1, 2, 4, 8, 10];
const OVERLAP_MS = 5_000;
export const ENDED = 1008; // the session is over: nothing is tried again
const MOST_KEPT = 1_000;

// `events` has `since()`, the time of the last frame, and is told `message(frame)`, `open()` and `closed(code, reason)`.
export function sharedSocket(name, address, events) {
  const channel = navigator.locks && window.BroadcastChannel ? new BroadcastChannel(name) : null;
  const recent = new Map(); // the last frame of each task, for a tab that comes later
  let [leads, socket, tries, timer, last] = [false, null, 0, 0, null];

  function connect() {
    clearTimeout(timer);
    socket = new WebSocket(address(Math.max(0, events.since() - OVERLAP_MS)));
    socket.addEventListener("open", () => { tries = 0; tell({ is: "open" }); });
    socket.addEventListener("message", (event) => tell({ frame: JSON.parse(event.data) }));
    socket.addEventListener("close", ({ code, reason }) => {
      if (code !== ENDED) timer = setTimeout(connect, RETRY_S[Math.min(tries, RETRY_S.length - 1)] * 1000);
      tries += 1;
      tell({ is: "closed", code, reason });
    });
  }
  function tell(news) {
    channel?.postMessage(news);
    hear(news);
  }
  function hear(news) {
    if (news.frame) {
      recent.delete(news.frame.id);
      recent.set(news.frame.id, news.frame);
      if (recent.size > MOST_KEPT) recent.delete(recent.keys().next().value);
      events.message(news.frame);
    } else if (news.is === "open") { last = news; events.open(); } else if (news.is === "closed") { last = news; events.closed(news.code, news.reason); }
  }
  // What only the tab with the socket answers: a tab that comes later, and one that wants to connect at once.
  function answer({ since, now }) {
    if (!leads) return;
    if (since) {
      if (last) channel.postMessage(last);
      for (const frame of recent.values()) if (frame.now_ms > since - OVERLAP_MS) channel.postMessage({ frame });
    }
    if (now && socket.readyState > WebSocket.OPEN && last?.code !== ENDED) { tries = 0; connect(); }
  }
  function lead() {
    leads = true;
    connect();
    return new Promise(() => {}); // until the page goes
  }
  if (channel) {
    channel.addEventListener("message", ({ data }) => { hear(data); answer(data); });
    channel.postMessage({ since: events.since() });
    navigator.locks.request(name, lead).catch(lead);
  } else lead();

  return {
    isOpen: () => last?.is === "open",
    now: () => { if (leads) answer({ now: true }); else channel.postMessage({ now: true }); },
  };
}
