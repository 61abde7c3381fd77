// How far the reader is, remembered in this browser only: the chapters that
// were ticked as read, and the place that was looked at last.
"use strict";
(() => {
  const READ = "dlfs-read";
  const PLACE = "dlfs-place";

  const load = (name, empty) => {
    try {
      return JSON.parse(localStorage.getItem(name)) ?? empty;
    } catch {
      return empty; // no storage, or not ours
    }
  };

  const store = (name, value) => {
    try {
      localStorage.setItem(name, JSON.stringify(value));
    } catch {
      // The browser keeps nothing.
    }
  };

  const readChapters = () => {
    const found = load(READ, []);
    return new Set(Array.isArray(found) ? found : []);
  };

  // The chapters of the navigation in their order: [name, link].
  const nameOf = (link) =>
    /\/(\d\d-[\w-]+)\/$/.exec(new URL(link.href).pathname)?.[1];
  const chapters = [
    ...document.querySelectorAll(".md-nav--primary a.md-nav__link[href]"),
  ]
    .map((link) => [nameOf(link), link])
    .filter(([name]) => name);
  // Those that the path does not pass by.
  const workshop = new Set(
    document.querySelector("meta[name=dlfs-workshop]").content.split(" "),
  );
  const path = chapters.filter(([name]) => !workshop.has(name));

  const markNavigation = () => {
    const read = readChapters();
    for (const [name, link] of chapters) {
      const tick = link.querySelector(".dlfs-tick");
      if (!read.has(name)) tick?.remove();
      else if (!tick) link.append(makeTick());
    }
  };

  const makeTick = () => {
    const tick = document.createElement("span");
    tick.className = "dlfs-tick";
    tick.setAttribute("role", "img");
    tick.setAttribute("aria-label", "read");
    tick.textContent = "\u2713";
    return tick;
  };

  const makeBox = (place) => {
    const name = place.dataset.chapter;
    const [box, label, note] = ["input", "label", "small"].map((tag) =>
      document.createElement(tag),
    );
    box.type = "checkbox";
    box.checked = readChapters().has(name);
    box.addEventListener("change", () => {
      const read = readChapters(); // another tab may have added to it
      if (box.checked) read.add(name);
      else read.delete(name);
      store(READ, [...read].sort());
      markNavigation();
    });
    label.append(box, "I have read this chapter");
    note.textContent = "remembered in this browser only";
    place.append(label, note);
    place.hidden = false;
  };

  // The last heading that has passed the upper third of the screen.
  const notePlace = (name) => {
    const headings = [...document.querySelectorAll("article :is(h2, h3)[id]")];
    const passed = headings.filter(
      (each) => each.getBoundingClientRect().top < innerHeight / 3,
    );
    store(PLACE, { chapter: name, section: passed.at(-1)?.id ?? "" });
  };

  // Where to go on: the place that was left, or what follows a read chapter.
  const nextPlace = () => {
    const { chapter, section } = load(PLACE, {}) ?? {};
    const read = readChapters();
    const at = chapters.findIndex(([name]) => name === chapter);
    if (at >= 0 && !read.has(chapter)) {
      return { link: chapters[at][1], section };
    }
    if (at < 0 && !read.size) return null;
    const order = [...chapters.slice(at + 1), ...chapters.slice(0, at + 1)];
    const next = order.find(
      ([name]) => !read.has(name) && !workshop.has(name),
    );
    return next ? { link: next[1], section: "" } : null;
  };

  const offerToGoOn = (buttons) => {
    const place = nextPlace();
    if (!place) return;
    const link = document.createElement("a");
    const url = new URL(place.link.href);
    url.hash = place.section ?? "";
    link.href = url.href;
    link.className = "dlfs-go-on";
    const title = place.link.querySelector(".md-ellipsis") ?? place.link;
    link.textContent = `Go on: ${title.textContent.trim()}`;
    const read = readChapters();
    const count = path.filter(([name]) => read.has(name)).length;
    link.title = `${count} of ${path.length} chapters read`;
    buttons.prepend(link);
  };

  const buttons = document.querySelector(".dlfs-start");
  if (buttons) offerToGoOn(buttons); // before ticks join the titles
  markNavigation();
  const place = document.querySelector(".dlfs-done");
  if (place) {
    makeBox(place);
    const note = () => notePlace(place.dataset.chapter);
    addEventListener("pagehide", note);
    // A phone may never come back to a page that it has put away.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) note();
    });
  }
  // Another tab ticked a chapter, or the browser went back to this page.
  addEventListener("storage", markNavigation);
  addEventListener("pageshow", markNavigation);
})();
