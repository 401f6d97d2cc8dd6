// Keeps a page up to date: asks for it again under its entity tag and puts in the parts that changed. Without this
// script the page is as it was when it was loaded, and reloading it shows the same.
"use strict";
(() => {
  const main = document.querySelector("main[data-tag]");
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  const visible = () => new Promise((done) => {
    if (!document.hidden) return done();
    document.addEventListener("visibilitychange", function look() {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      done();
    });
  });

  function words(ms) {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
    return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
  }

  function since(ms) {
    const minutes = Math.floor(ms / 60000);
    if (minutes < 1) return "just now";
    if (minutes < 60) return `${minutes} min ago`;
    if (minutes < 1440) return `${Math.floor(minutes / 60)} h ago`;
    return `${Math.floor(minutes / 1440)} d ago`;
  }

  function tick() {
    const now = Date.now();
    for (const one of document.querySelectorAll("[data-since]")) one.textContent = words(now - Number(one.dataset.since));
    for (const one of document.querySelectorAll("time[data-at]")) {
      const at = Number(one.dataset.at), ago = now - at;
      one.title = one.dateTime;
      one.textContent = ago < 0 ? new Date(at).toLocaleString() : since(ago);
    }
  }

  function put(page) {
    const next = page.querySelector("main[data-tag]");
    if (!next) return location.reload();
    const parts = (root) => [...root.querySelectorAll(":scope > [data-part]")];
    const now = new Map(parts(main).map((part) => [part.dataset.part, part]));
    let before = main.firstElementChild;
    for (const part of parts(next)) {
      const old = now.get(part.dataset.part);
      if (old && old.dataset.raw === part.outerHTML) { before = old.nextElementSibling; now.delete(part.dataset.part); continue; }
      const raw = part.outerHTML, opened = old ? [...old.querySelectorAll("details[open]")].map((d) => d.dataset.key) : [];
      const fresh = document.importNode(part, true);
      fresh.dataset.raw = raw;
      for (const d of fresh.querySelectorAll("details")) if (opened.includes(d.dataset.key)) d.open = true;
      if (old) { before = old.nextElementSibling; old.replaceWith(fresh); now.delete(part.dataset.part); } else main.insertBefore(fresh, before);
    }
    for (const gone of now.values()) gone.remove();
    main.dataset.tag = next.dataset.tag;
    main.dataset.pace = next.dataset.pace;
    const said = document.getElementById("said"), says = page.getElementById("said");
    if (said && says && said.textContent !== says.textContent) said.textContent = says.textContent;
    document.title = page.title;
    tick();
  }

  async function follow() {
    for (const part of main.querySelectorAll(":scope > [data-part]")) part.dataset.raw = part.outerHTML;
    let failures = 0;
    for (;;) {
      await sleep(Math.min(30000, Number(main.dataset.pace) * 2 ** failures));
      await visible();
      try {
        const answer = await fetch(location.href, { headers: { "If-None-Match": main.dataset.tag, Prefer: "wait=10" }, cache: "no-store" });
        failures = 0;
        if (answer.status === 200) put(new DOMParser().parseFromString(await answer.text(), "text/html"));
      } catch {
        failures = Math.min(failures + 1, 6);
      }
    }
  }

  if (main) follow();
  tick();
  setInterval(tick, 1000);
})();
