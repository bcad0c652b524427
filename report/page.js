"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const $ = (id) => document.getElementById(id);
  for (const e of all(".script")) e.hidden = false;

  // Copying. Without the clipboard the text is selected, to be copied by hand.
  const say = (button, text) => {
    if (!button) return;
    button.label ??= [...button.childNodes];
    button.textContent = text;
    clearTimeout(button.timer);
    button.timer = setTimeout(() => button.replaceChildren(...button.label), 1600);
  };
  const copy = async (text, button, block) => {
    try {
      await navigator.clipboard.writeText(text);
      say(button, "Copied");
    } catch {
      if (block) {
        for (let d = block.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
        getSelection().selectAllChildren(block);
        block.scrollIntoView({ block: "nearest" });
      }
      say(button, "Selected: press Ctrl+C");
    }
  };
  for (const box of all(".copy")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    const block = box.querySelector("pre");
    button.addEventListener("click", () => copy(block.textContent, button, block));
    box.prepend(button);
  }

  // The current entry: the one that the address names, while it is in sight, else the first in sight.
  const entries = () => all("article:not([hidden])");
  const named = () => { try { return decodeURIComponent(location.hash.slice(1)); } catch { return ""; } };
  const current = () => {
    const list = entries();
    const inSight = (e) => { const box = e.getBoundingClientRect(); return box.bottom > 60 && box.top < innerHeight; };
    return list.find((e) => e.id === named() && inSight(e)) ?? list.find(inSight);
  };
  let ours = 0; // changes of the address that are not a link's
  const show = (entry) => {
    if (named() !== entry.id) {
      ours++;
      location.hash = entry.id;
    }
    entry.querySelector("summary").focus({ preventScroll: true });
    entry.scrollIntoView();
    // Those above may have got their real height.
    requestAnimationFrame(() => { if (named() === entry.id) entry.scrollIntoView(); });
  };
  const step = (by) => {
    const list = entries();
    if (list.length === 0) return;
    const at = list.findIndex((e) => e.id === named());
    if (at >= 0) return show(list[Math.min(Math.max(at + by, 0), list.length - 1)]);
    const seen = current();
    show(by > 0 ? seen ?? list[0] : seen ?? list[list.length - 1]);
  };
  const folded = (entry) => entry?.querySelector("details.body");
  const keys = {
    j: () => step(1),
    k: () => step(-1),
    o: (entry) => { const body = folded(entry); if (body) body.open = !body.open; },
    c: (entry, button) => { const block = entry?.querySelector(".ticket"); if (block) copy(block.textContent, button, block); },
    y: (entry, button) => { if (entry) copy(location.href.split("#")[0] + "#" + entry.id, button, entry.querySelector("h2")); },
    "/": () => { $("filter")?.focus(); $("filter")?.select(); },
    "?": () => { const help = $("help"); if (help.open) help.close(); else help.showModal(); },
  };
  const act = (key, entry) => keys[key](entry, entry?.querySelector(`[data-key="${key}"]`));
  addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || !Object.hasOwn(keys, e.key)) return;
    if (e.target instanceof HTMLInputElement || $("help").open && e.key !== "?") return;
    e.preventDefault();
    act(e.key, current());
  });
  for (const button of all("[data-key]")) button.addEventListener("click", () => act(button.dataset.key, button.closest("article") ?? current()));
  const openNamed = () => { const body = folded($(named())); if (body) body.open = true; const rule = $(named()); if (rule?.tagName === "DETAILS") rule.open = true; };
  addEventListener("hashchange", () => { if (ours > 0) ours--; else openNamed(); });
  openNamed();

  // Filtering, by all that an entry says.
  const filter = $("filter");
  const texts = new Map();
  filter?.addEventListener("input", () => {
    const want = filter.value.trim().toLowerCase().split(/\s+/);
    let shown = 0;
    for (const e of all("article")) {
      if (!texts.has(e)) texts.set(e, e.textContent.toLowerCase());
      const text = texts.get(e);
      e.hidden = !want.every((word) => text.includes(word));
      if (!e.hidden) shown++;
    }
    for (const row of all("tr[data-for]")) row.hidden = $(row.dataset.for)?.hidden;
    $("matches").textContent = filter.value.trim() ? `${shown} of ${texts.size}` : "";
  });
  filter?.addEventListener("keydown", (e) => {
    if (e.key === "Escape") { filter.value = ""; filter.dispatchEvent(new Event("input")); filter.blur(); }
    if (e.key === "Enter") { filter.blur(); const first = entries()[0]; if (first) show(first); }
  });

  // Sorting the index: a button in each heading; the first order is the first column's.
  for (const head of all("th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of all("th[aria-sort]")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[head.cellIndex].textContent;
      const compare = head.dataset.sort === "number" ? (a, b) => parseInt(value(a), 10) - parseInt(value(b), 10) : (a, b) => value(a).localeCompare(value(b));
      const body = head.closest("table").tBodies[0];
      body.append(...[...body.rows].sort((a, b) => (down ? -1 : 1) * compare(a, b)));
    });
  }

  // On paper everything is open.
  addEventListener("beforeprint", () => {
    for (const d of all("details:not([open])")) { d.open = true; d.dataset.folded = ""; }
  });
  addEventListener("afterprint", () => {
    for (const d of all("details[data-folded]")) { d.open = false; delete d.dataset.folded; }
  });
})();
