// Folded source opens for whoever is led to it: by a link to its block, or by
// a search for a word that stands in it. Material opens what is folded on
// paper; browsers open it for their own search, and a click always does.
"use strict";
(() => {
  const fold = "details.dlfs-source";
  const heading = "h1, h2, h3, h4, h5, h6";

  const elementOf = (hash) =>
    document.getElementById(decodeURIComponent(hash.slice(1)));

  // A bar is followed by the names of its tests and then by its source.
  const openBlock = (target) => {
    let next = target?.nextElementSibling;
    if (next?.matches(".dlfs-tests")) next = next.nextElementSibling;
    if (!target?.matches(".dlfs-bar, a") || !next?.matches(fold)) return;
    next.open = true;
    target.scrollIntoView();
  };

  // What the search leads to is a section, from its heading to the next.
  const openFound = (target, words) => {
    if (!words.length) return;
    let next = target?.closest(heading)?.nextElementSibling;
    for (; next && !next.matches(heading); next = next.nextElementSibling) {
      const text = next.textContent.toLowerCase();
      if (next.matches(fold) && words.some((word) => text.includes(word))) {
        next.open = true;
      }
    }
  };

  const { hash, searchParams } = new URL(
    performance.getEntriesByType("navigation")[0].name,
  );
  const query = (searchParams.get("h") ?? "").toLowerCase();
  const target = elementOf(hash || location.hash);
  openBlock(target);
  openFound(
    target ?? document.querySelector("article h1"),
    query.split(/[^\w]+/).filter(Boolean),
  );
  addEventListener("hashchange", () => openBlock(elementOf(location.hash)));
  // A second click on the same link changes no hash.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (link?.hash && link.hash === location.hash && isHere(link)) {
      openBlock(elementOf(link.hash));
    }
  });
  const isHere = (link) =>
    link.origin + link.pathname === location.origin + location.pathname;
})();
