"use strict";
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  for (const e of all(".script")) e.hidden = false;

  for (const button of all("[data-copy]")) {
    button.addEventListener("click", async () => {
      const block = button.nextElementSibling;
      try {
        await navigator.clipboard.writeText(block.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(block);
        button.textContent = "Selected: press Ctrl+C";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }

  const filter = document.getElementById("filter");
  filter?.addEventListener("input", () => {
    const want = filter.value.toLowerCase();
    for (const row of all(".index tbody tr")) row.hidden = !row.textContent.toLowerCase().includes(want);
    for (const race of all("article.race")) race.hidden = !race.textContent.toLowerCase().includes(want);
  });

  const step = (by) => {
    const races = all("article.race:not([hidden])");
    if (races.length === 0) return;
    const at = races.findIndex((r) => "#" + r.id === decodeURIComponent(location.hash));
    const next = races[Math.min(Math.max(at < 0 ? 0 : at + by, 0), races.length - 1)];
    location.hash = next.id;
  };
  addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target instanceof HTMLInputElement) return;
    if (e.key === "j") step(1);
    else if (e.key === "k") step(-1);
    else if (e.key === "/" && filter) { e.preventDefault(); filter.focus(); }
  });

  addEventListener("beforeprint", () => {
    for (const d of all("details:not([open])")) { d.open = true; d.dataset.folded = ""; }
  });
  addEventListener("afterprint", () => {
    for (const d of all("details[data-folded]")) { d.open = false; delete d.dataset.folded; }
  });
})();
