"use strict";
// One event stream per page, shared by all feeds on it, closed while the page is hidden.
// htmx's SSE extension asks for an EventSource per element; it gets a LiveSource, which is a share of the one stream.
// A browser has six connections per server; with hidden pages closed, the seventh tab still loads.
(() => {
  const RETRY_FIRST_MS = 1000, RETRY_MAX_MS = 15000;
  const sources = new Set();
  let stream = null, lastId = document.body.dataset.liveFrom ?? "", retryMs = RETRY_FIRST_MS, timer = 0, quietSince = 0;

  class LiveSource extends EventTarget {
    constructor(feed) {
      super();
      this.feed = feed; this.readyState = EventSource.CONNECTING; this.onopen = null; this.onerror = null;
      sources.add(this);
      plan(0);
    }
    close() { this.readyState = EventSource.CLOSED; sources.delete(this); plan(0); }
  }

  const feeds = () => [...new Set([...sources].map((source) => source.feed))].sort();

  function plan(afterMs) {
    clearTimeout(timer);
    timer = setTimeout(connect, afterMs);
  }

  function connect() {
    const wanted = feeds();
    if (document.hidden || wanted.length === 0) { stop(); return; }
    if (stream && stream.readyState !== EventSource.CLOSED && stream.feeds === wanted.join("\n")) return;
    stop();
    const address = new URL("/live", location.href);
    wanted.forEach((feed) => address.searchParams.append("feed", feed));
    if (lastId) address.searchParams.set("last_event_id", lastId);
    stream = new EventSource(address);
    stream.feeds = wanted.join("\n");
    stream.onopen = () => {
      retryMs = RETRY_FIRST_MS; quietSince = 0; show("live");
      for (const source of sources) { source.readyState = EventSource.OPEN; source.onopen?.(new Event("open")); }
    };
    stream.onerror = () => {
      stop(); lost();
      plan(retryMs * (0.5 + Math.random() / 2));
      retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
    };
    // The server went on without us (too long away, or it was restarted): what stands here may be incomplete.
    stream.addEventListener("reset", (event) => { lastId = event.lastEventId || lastId; location.reload(); });
    stream.addEventListener("ended", () => { stop(); lost(); plan(retryMs); });
    wanted.forEach((feed, index) => stream.addEventListener(String(index), (event) => {
      lastId = event.lastEventId || lastId;
      const name = feed.split("?")[0];
      for (const source of [...sources]) {
        if (source.feed === feed) source.dispatchEvent(new MessageEvent(name, { data: event.data, lastEventId: event.lastEventId }));
      }
    }));
  }

  function stop() { stream?.close(); stream = null; }

  function lost() { quietSince ||= Date.now(); show("reconnecting"); }

  function show(state) {
    // The service light of the page head: red when the service cannot be reached.
    const shell = document.getElementById("shell"), gone = document.getElementById("shell-lost");
    if (shell && gone) { shell.hidden = state === "stale"; gone.hidden = state !== "stale"; }
    for (const light of document.querySelectorAll("[data-live-state]")) {
      light.dataset.state = state;
      const since = light.parentElement.querySelector("[data-live-since]");
      if (since) since.textContent = state === "live" ? "" : since.dataset.text.replace("{time}", new Date(quietSince).toLocaleTimeString("en-GB", { hour12: false, timeZone: since.dataset.zone }));
    }
  }

  setInterval(() => { if (quietSince && Date.now() - quietSince > 20000) show("stale"); }, 1000);
  document.addEventListener("visibilitychange", () => { if (document.hidden) stop(); else plan(0); });
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", (event) => { if (event.persisted) plan(0); });

  htmx.createEventSource = (feed) => new LiveSource(feed);

  // A feed of rows: newest on top, at most 200; while it is scrolled, hovered by focus or paused, rows wait behind a button.
  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    forget(event.detail.data);
    const rows = event.target.closest("[data-feed]");
    if (!rows || event.target !== rows) return;
    const area = rows.closest("[data-feed-area]");
    if (area && isHeld(area, rows)) {
      event.preventDefault();
      (area.waiting ??= []).push(event.detail.data);
      if (area.waiting.length > Number(rows.dataset.feed)) area.waiting.shift();
      showWaiting(area);
    }
  });

  // A row may come twice, by the page and by the stream: the later one stands.
  function forget(html) {
    const id = /^\s*<tr[^>]* id="([^"]+)"/.exec(html)?.[1];
    if (id) document.getElementById(id)?.remove();
  }

  document.addEventListener("htmx:sseMessage", (event) => {
    if (event.target.matches("[data-feed]")) { mark(event.target.firstElementChild); trim(event.target); }
  });

  function isHeld(area, rows) {
    const box = rows.closest(".scroll");
    return area.dataset.paused === "yes" || box.scrollTop > 4 || rows.contains(document.activeElement);
  }

  function showWaiting(area) {
    const button = area.querySelector("[data-feed-new]"), count = area.waiting?.length ?? 0;
    button.hidden = count === 0;
    button.textContent = button.dataset.feedNew.replace("{n}", count);
  }

  function mark(row) { if (row) row.classList.add("fresh"); }
  function trim(rows) { while (rows.children.length > Number(rows.dataset.feed)) rows.lastElementChild.remove(); }

  document.addEventListener("click", (event) => {
    const area = event.target.closest("[data-feed-area]");
    if (!area) return;
    const rows = area.querySelector("[data-feed]");
    if (event.target.closest("[data-feed-new]")) { release(area, rows); rows.closest(".scroll").scrollTop = 0; }
    const pause = event.target.closest("[data-feed-pause]");
    if (pause) {
      const held = area.dataset.paused === "yes";
      area.dataset.paused = held ? "no" : "yes";
      pause.setAttribute("aria-pressed", String(!held));
      if (held) release(area, rows);
    }
  });

  function release(area, rows) {
    for (const html of area.waiting ?? []) {
      forget(html);
      rows.insertAdjacentHTML("afterbegin", html);
      mark(rows.firstElementChild);
    }
    area.waiting = [];
    htmx.process(rows);
    trim(rows);
    showWaiting(area);
  }

  // Alarms: counted in the title of the tab, and said aloud by screen readers when there are more than before.
  const title = document.title;
  function showAlarms(isNew) {
    const alarms = document.querySelector("[data-alarms-open]"), count = Number(alarms?.dataset.alarmsOpen ?? 0);
    const region = document.getElementById("alarm-region");
    document.title = count ? `(${count}) ${title}` : title;
    if (isNew && count > Number(region.dataset.count ?? 0)) {
      region.textContent = alarms.textContent.trim();
      if (alarms.dataset.alarmSound === "on") soundAlarm();
    }
    region.dataset.count = count;
  }
  document.addEventListener("htmx:afterSwap", (event) => { if (event.target.id === "shell") showAlarms(true); });
  showAlarms(false);
})();
