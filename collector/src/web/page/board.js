// Keeps a page fresh: on each event it loads the page again and swaps the parts that differ.
// Without it the page reads the same and reloads itself (see <noscript>).
"use strict";
(() => {
  const root = document.documentElement;
  const FALLBACK_MS = 10000; // how often to look when the event stream is away
  const RETRY_MS = 5000; // how long to wait before the stream is opened again
  let fetchedAt = performance.now();
  let loading = false;
  let again = false;
  let streaming = false;
  let events = null;

  const main = () => document.querySelector("main");
  const headline = (node) => node.querySelector("h1").textContent.trim();

  // Says a new headline to those who do not see it: a live region must stay in place to be heard.
  function announce(fresh) {
    const text = headline(fresh);
    if (text !== headline(main())) document.getElementById("announcement").textContent = text;
  }

  function swap(fresh) {
    const old = main();
    const parts = (node) => [...node.querySelectorAll("[data-part]")];
    const before = parts(old);
    const after = parts(fresh);
    const same =
      before.length === after.length &&
      before.every((part, i) => part.dataset.part === after[i].dataset.part);
    const open = new Set([...old.querySelectorAll("details[open]")].map((d) => d.id));
    for (const details of fresh.querySelectorAll("details")) {
      if (open.has(details.id)) details.open = true;
    }
    const focused = document.activeElement && document.activeElement.id;
    if (same && before.length > 0) {
      before.forEach((part, i) => {
        if (part.outerHTML === after[i].outerHTML) return;
        const scrolled = [...part.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
        part.replaceWith(after[i]);
        after[i].querySelectorAll(".scroll").forEach((box, n) => { box.scrollLeft = scrolled[n] || 0; });
      });
    } else {
      old.replaceChildren(...fresh.childNodes);
    }
    const focus = focused && document.getElementById(focused);
    if (focus && focus !== document.activeElement) focus.focus({ preventScroll: true });
  }

  async function refresh() {
    if (document.hidden) { again = true; return; }
    if (loading) { again = true; return; }
    loading = true;
    again = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.querySelector("main");
        if (fresh) {
          for (const name of ["asOf", "now"]) main().dataset[name] = fresh.dataset[name];
          fetchedAt = performance.now();
          // What somebody has selected stays until they let go of it.
          const selection = document.getSelection();
          if (selection && !selection.isCollapsed) again = true;
          else { announce(fresh); swap(fresh); }
        }
      }
    } catch { /* the age that ticks on says that nothing came */ }
    loading = false;
    tick();
  }

  function tick() {
    const node = main();
    const age = document.getElementById("age");
    if (!node || !age) return;
    const atFetch = Date.parse(node.dataset.now) - Date.parse(node.dataset.asOf);
    const since = (performance.now() - fetchedAt) * Number(node.dataset.speed);
    const seconds = Math.max(0, Math.floor((atFetch + since) / 1000));
    const unit = age.dataset;
    const text =
      seconds < 60 ? seconds + unit.second
        : seconds < 3600 ? Math.floor(seconds / 60) + unit.minute
          : Math.floor(seconds / 3600) + unit.hour;
    age.textContent = text + " " + unit.ago;
    const stale = seconds > Number(node.dataset.staleAfter);
    document.getElementById("stale").hidden = !stale;
    root.classList.toggle("is-stale", stale);
  }

  function listen() {
    events = new EventSource(root.dataset.events);
    events.addEventListener("open", () => { streaming = true; root.classList.add("is-live"); });
    // A heavy page says how seldom it wants to be loaded again; the fallback picks up the rest.
    const every = Number(main().dataset.every || 0) * 1000;
    events.addEventListener("board", () => {
      if (performance.now() - fetchedAt < every) again = true;
      else refresh();
    });
    events.addEventListener("error", () => {
      silence();
      setTimeout(() => { if (!events) listen(); }, RETRY_MS);
    });
  }

  function silence() {
    if (events) events.close();
    events = null;
    streaming = false;
    root.classList.remove("is-live");
  }

  // A page without an "as of", such as a run's, does not change.
  if (!document.getElementById("age")) return;
  setInterval(tick, 1000);
  setInterval(() => { if (!streaming || again) refresh(); }, FALLBACK_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) refresh(); });
  // A page that was left may be kept to come back to. Its stream would hold one of the few
  // connections that a browser opens to a host, and soon no page would load.
  addEventListener("pagehide", silence);
  addEventListener("pageshow", (event) => { if (event.persisted) { listen(); refresh(); } });
  listen();
})();
