"use strict";
(() => {
  const body = document.body;
  const connection = document.getElementById("connection");
  const state = { source: null, epoch: body.dataset.epoch, version: body.dataset.version, wasLost: false, retry: 0 };

  // A link that is opened where somebody is signed in already makes that browser the link's.
  async function takeLink() {
    const token = location.hash.slice(1);
    if (!/^[\w-]{43}$/.test(token)) return;
    history.replaceState(null, "", location.pathname + location.search);
    const reply = await fetch("/session", { method: "POST", body: token });
    if (reply.ok) location.reload();
    else say(await reply.text(), true);
  }

  function say(sentence, isLost = false) {
    if (connection.textContent !== sentence) connection.textContent = sentence;
    connection.classList.toggle("lost", isLost);
  }

  // Ages tick here, so that nothing is sent for them.
  function age(seconds) {
    if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s ago`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
    return `${Math.floor(seconds / 86400)} d ago`;
  }

  function tick() {
    const now = Date.now() / 1000;
    for (const each of document.querySelectorAll("time[data-at]:not([data-exact])")) {
      if (!each.title) each.title = `${each.textContent} UTC`;
      const text = age(now - Number(each.dataset.at));
      if (each.textContent !== text) each.textContent = text;
    }
  }

  async function apply(parts) {
    for (const [id, html] of Object.entries(parts)) {
      const target = document.getElementById(id);
      if (target) await htmx.swap({ text: html, target, swap: "outerMorph", sourceElement: body });
    }
    tick();
    document.dispatchEvent(new CustomEvent("parts", { detail: Object.keys(parts) }));
  }

  // The stream: one a tab, none while the tab is hidden.
  function open() {
    if (!body.dataset.watches || state.source || document.hidden) return;
    const query = new URLSearchParams({ view: body.dataset.watches, epoch: state.epoch, version: state.version });
    const source = new EventSource(`/stream?${query}`);
    state.source = source;
    source.addEventListener("hello", (event) => {
      const hello = JSON.parse(event.data);
      state.epoch = hello.epoch;
      state.retry = 0;
      if (hello.restarted) say("The collector was started again; this page goes on.");
      else if (state.wasLost) say("Connected again.");
      else say("");
      if (state.wasLost || hello.restarted) setTimeout(() => { if (state.source === source && !state.wasLost) say(""); }, 8000);
      state.wasLost = false;
    });
    source.addEventListener("parts", (event) => {
      const { version, parts } = JSON.parse(event.data);
      state.version = version;
      body.dataset.version = version;
      apply(parts);
    });
    source.addEventListener("gone", (event) => end(JSON.parse(event.data).why));
    source.addEventListener("refused", (event) => end(JSON.parse(event.data).why));
    source.addEventListener("error", () => lost(source));
  }

  function close() {
    state.source?.close();
    state.source = null;
  }

  function end(why) {
    close();
    body.dataset.watches = "";
    say(why, true);
  }

  // The browser tries again by itself, but not after a refusal, whose reason it does not show.
  function lost(source) {
    if (state.source !== source) return;
    close();
    state.wasLost = true;
    say("The collector does not answer; trying again.", true);
    state.retry = Math.min(state.retry + 1, 5);
    setTimeout(again, 1000 * state.retry);
  }

  async function again() {
    if (document.hidden || state.source) return;
    try {
      const reply = await fetch(`/stream/why?view=${encodeURIComponent(body.dataset.watches)}`);
      if (reply.status === 401 || reply.status === 403 || reply.status === 404) return end((await reply.text()).trim());
      if (reply.ok) return open();
    } catch {
      // Nobody answers yet.
    }
    state.retry = Math.min(state.retry + 1, 5);
    setTimeout(again, 1000 * state.retry);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else if (state.wasLost) again();
    else open();
  });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => { if (event.persisted) open(); });

  document.addEventListener("htmx:config:request", (event) => {
    event.detail.ctx.request.headers["X-Form-Token"] = document.querySelector("[name=form-token]").content;
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    const before = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1500);
  });

  takeLink();
  tick();
  setInterval(tick, 1000);
  open();
})();
