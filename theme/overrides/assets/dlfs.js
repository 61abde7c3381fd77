// What pages do besides Material's own: mathematics, the checklist, and names
// for what has none. Everything is there to read without it.
"use strict";

// No line begins with the comma that follows a short formula.
function keepTogether(formula, text) {
  const next = formula.nextSibling;
  const mark = next?.nodeType === Node.TEXT_NODE && /^[^\s\w]+/.exec(next.data);
  if (!mark || text.length > 24) return;
  const group = document.createElement("span");
  group.className = "dlfs-together";
  formula.replaceWith(group);
  group.append(formula, mark[0]);
  next.data = next.data.slice(mark[0].length);
}

// Formulas with a wide space between them: on a phone, one below another.
function splitFormula(text) {
  const parts = text.split("\\qquad");
  const count = (part, mark) => part.split(mark).length;
  const isWhole = (part) =>
    count(part, "{") === count(part, "}") &&
    count(part, /\\left\b/) === count(part, /\\right\b/) &&
    !part.includes("\\begin");
  return parts.every(isWhole) ? parts : [text];
}

function renderDisplay(element, text, options) {
  const parts = splitFormula(text).map((part) => {
    const place = document.createElement("span");
    katex.render(part, place, { ...options, displayMode: true });
    return place;
  });
  element.replaceChildren(...parts);
}

function renderMath(root) {
  if (!window.katex) return;
  const options = { throwOnError: false };
  for (const element of root.querySelectorAll(".arithmatex")) {
    if (element.querySelector(".katex")) continue; // done already
    const text = element.textContent.trim();
    if (element.localName === "div") {
      renderDisplay(element, text, options);
    } else {
      katex.render(text, element, options);
      keepTogether(element, text);
    }
  }
  if (!window.renderMathInElement) return;
  const delimiters = [
    { left: "$$", right: "$$", display: true },
    { left: "$", right: "$", display: false },
  ];
  for (const element of root.querySelectorAll(".jp-RenderedMarkdown")) {
    renderMathInElement(element, { ...options, delimiters });
  }
}

// A box that scrolls can be scrolled with the keyboard, too.
const SCROLLING =
  ".katex-display, .dlfs-figure > p, .md-typeset__scrollwrap, " +
  ".jupyter-wrapper pre, .jp-OutputArea-output";

function reachScrolling() {
  const boxes = [...document.querySelectorAll(SCROLLING)];
  // All are measured before the first is changed: one layout, not hundreds.
  const scrolls = boxes.map((box) => box.scrollWidth > box.clientWidth);
  boxes.forEach((box, index) => {
    if (scrolls[index]) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
}

const CHECKED = "dlfs-checklist";

function readChecked() {
  try {
    return new Set(JSON.parse(localStorage.getItem(CHECKED)) ?? []);
  } catch {
    return new Set(); // no storage, or not ours
  }
}

function writeChecked(checked) {
  try {
    localStorage.setItem(CHECKED, JSON.stringify([...checked].sort()));
  } catch {
    // The browser keeps nothing: ticks last as long as the page.
  }
}

function makeBox(item, checked, changed) {
  const name = item.querySelector("strong").textContent;
  const key = name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = checked.has(key);
  box.setAttribute("aria-label", name);
  box.addEventListener("change", () => {
    if (box.checked) checked.add(key);
    else checked.delete(key);
    writeChecked(checked);
    changed();
  });
  item.prepend(box);
  return box;
}

function makeChecklist(list) {
  if (list.querySelector("input")) return;
  const checked = readChecked();
  const count = document.createElement("p");
  count.className = "dlfs-count";
  count.setAttribute("role", "status");
  const changed = () => {
    const done = boxes.filter((box) => box.checked).length;
    count.textContent = `${done} of ${boxes.length} ticked`;
  };
  const items = [...list.querySelectorAll("li:has(> strong)")];
  const boxes = items.map((item) => makeBox(item, checked, changed));
  changed();
  list.prepend(count);
}

// Material puts the button that copies code into a landmark without a name.
function unmarkButtons() {
  for (const box of document.querySelectorAll(".md-code__nav:not([role])")) {
    box.setAttribute("role", "none");
  }
}

function start(root) {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  renderMath(root);
  root.querySelectorAll(".dlfs-checklist").forEach(makeChecklist);
  reachScrolling();
  document.fonts.ready.then(reachScrolling); // other letters, other widths
}

document$.subscribe(() => start(document));
new MutationObserver(unmarkButtons).observe(document.body, {
  childList: true,
  subtree: true,
});
addEventListener("resize", reachScrolling);
addEventListener("load", reachScrolling);

// Figures come after the text, but do not wait until somebody scrolls to
// them: who prints the page needs all of them.
addEventListener("load", () => {
  setTimeout(() => {
    for (const image of document.querySelectorAll("article img")) {
      image.loading = "eager";
    }
  }, 1000);
});
