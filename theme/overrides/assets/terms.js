/* Definitions beside the terms: what the glossary says about a term is shown
   when the pointer rests on it or the keyboard reaches it. On a touch screen
   the first tap shows it and the second one leads to the glossary. Escape
   hides it. Without this script the terms are plain links. */
(() => {
  const terms = 'article a[href*="glossary/#"]';
  let page; // the glossary, fetched once
  let tip; // the box that is shown
  let shownFor; // the term it is shown for

  const glossary = (url) =>
    (page ??= fetch(url)
      .then((answer) => answer.text())
      .then((text) => new DOMParser().parseFromString(text, "text/html")));

  const hide = () => {
    shownFor?.removeAttribute("aria-describedby");
    tip?.remove();
    shownFor = tip = undefined;
  };

  const show = async (term) => {
    if (shownFor === term) return;
    hide();
    shownFor = term;
    const url = new URL(term.href);
    const entry = (await glossary(url.origin + url.pathname))
      .getElementById(decodeURIComponent(url.hash.slice(1)))
      ?.closest("p");
    if (!entry || shownFor !== term) return;
    tip = document.createElement("div");
    tip.className = "dlfs-tip md-typeset";
    tip.id = "dlfs-tip";
    tip.setAttribute("role", "tooltip");
    tip.append(...entry.cloneNode(true).childNodes);
    for (const link of tip.querySelectorAll("a")) link.replaceWith(...link.childNodes);
    for (const named of tip.querySelectorAll("[id]")) named.removeAttribute("id");
    window.renderMath?.(tip);
    term.after(tip);
    place(term);
    term.setAttribute("aria-describedby", tip.id);
  };

  const place = (term) => {
    const at = term.getClientRects()[0];
    const width = Math.min(320, document.documentElement.clientWidth - 16);
    const right = document.documentElement.clientWidth - width - 8;
    tip.style.width = `${width}px`;
    tip.style.left = `${Math.max(8, Math.min(at.left, right))}px`;
    const below = at.bottom + 4;
    const fits = below + tip.offsetHeight < window.innerHeight;
    tip.style.top = `${fits ? below : at.top - tip.offsetHeight - 4}px`;
  };

  const termAt = (event) => event.target.closest?.(terms);
  let touched = false;
  document.addEventListener("pointerdown", (event) => {
    touched = event.pointerType === "touch";
    if (!termAt(event)) hide();
  });
  document.addEventListener("click", (event) => {
    const term = termAt(event);
    if (!term || !touched || term.dataset.tapped) return;
    event.preventDefault();
    term.dataset.tapped = "yes";
    show(term);
  });
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch" || event.target.closest?.(".dlfs-tip")) return;
    const term = termAt(event);
    if (term) show(term);
    else if (shownFor !== document.activeElement) hide();
  });
  document.addEventListener("focusin", (event) => {
    const term = termAt(event);
    if (term && !touched) show(term);
    else if (!term) hide();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  window.addEventListener("scroll", hide, { passive: true });
})();
