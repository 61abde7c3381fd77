// The search: a hit that is a term leads to it in the glossary, and a word
// that nothing is found for is looked up with a letter or two changed.
"use strict";
(() => {
  const term = new URLSearchParams(location.search).get("term");
  if (term) location.replace(`#${encodeURIComponent(term)}`);

  const input = document.querySelector("[data-md-component=search-query]");
  const meta = document.querySelector(".md-search-result__meta");
  const list = document.querySelector(".md-search-result__list");
  if (!input || !meta || !list) return;

  // Words that a question has besides what it asks for.
  const EMPTY = new Set(
    "a an and are can do does for how i in is it my of on the to what why with".split(" "),
  );

  const fuzzy = (word) => {
    if (word.length < 4 || /[~*^:+-]/.test(word)) return word;
    return `${word}~${word.length < 8 ? 1 : 2}`;
  };

  // Ask for other words, without changing what the reader sees.
  const ask = (words) => {
    const { value, selectionStart, selectionEnd } = input;
    if (!words.length || words.join(" ") === value.trim()) return;
    input.value = words.join(" ");
    input.dispatchEvent(new KeyboardEvent("keyup"));
    input.value = value;
    input.setSelectionRange(selectionStart, selectionEnd);
  };

  const wordsOf = () =>
    input.value
      .trim()
      .split(/[\s?]+/)
      .filter((word) => word && !EMPTY.has(word.toLowerCase()));

  // Each answer may call for another question: first without empty words,
  // then, if nothing was found, with words that are nearly the same.
  let [asked, step] = ["", 0];
  new MutationObserver(() => {
    if (asked !== input.value) [asked, step] = [input.value, 0];
    const words = wordsOf();
    if (step === 0 && words.length && words.join(" ") !== asked.trim()) {
      step = 1;
      ask(words);
    } else if (step < 2 && !list.childElementCount) {
      step = 2;
      ask(words.map(fuzzy));
    }
  }).observe(meta, { childList: true, characterData: true, subtree: true });
})();
