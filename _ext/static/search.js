// Looks for the words of ?q=… in `book` (search-text.js), whose entries are {page, anchor, place, heading, text, terms},
// and a topic too if the entry is the beginning of a chapter. `Stemmer` and `stopwords` are Sphinx's (language_data.js).
(() => {
  const FIRST = 20;
  const SNIPPET = 220;
  const WORD = /[\p{L}\p{N}_]+(?:\+\+)?/gu; // C++, too

  const stemmer = new Stemmer();
  const stems = new Map();
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const stem = (word) => {
    if (!stems.has(word)) stems.set(word, stemmer.stemWord(word));
    return stems.get(word);
  };
  // "it", "the": [...] in Sphinx 7, a Set in later ones.
  const empty = new Set(stopwords);
  const wordsOf = (text) => plain(text).match(WORD) ?? [];
  const contentOf = (text) => {
    const words = wordsOf(text), content = words.filter((word) => !empty.has(word));
    return content.length ? content : words;
  };

  // A word of the text is what was asked for in another form ("penalties", "penalty"), or begins with it.
  const matches = (asked, word) => word[0] === asked[0] &&
    (stem(word) === stem(asked) || (asked.length > 2 && word.startsWith(asked)));
  // In a heading it may also be its short form: "norm" for "normalization".
  const abbreviates = (asked, word) => word.length > 3 && asked.startsWith(word);

  // How far a heading is about what was asked, from 0 to 1.
  const about = (asked, heading) => {
    const words = contentOf(heading);
    if (!words.length) return 0;
    const hit = (one, word) => matches(one, word) || abbreviates(one, word);
    const found = asked.filter((one) => words.some((word) => hit(one, word))).length / asked.length;
    const used = words.filter((word) => asked.some((one) => hit(one, word))).length / words.length;
    return found ** 2 * Math.sqrt(used);
  };

  // How much the text says of it, from 0 to 1: often, in few words, and side by side as they were asked.
  const says = (counts, length, together) => {
    const often = counts.map((count) => count / (count + 1 + length / 300));
    const mean = often.reduce((sum, one) => sum + one, 0) / counts.length;
    return mean * (counts.length > 1 && !together ? 0.5 : 1);
  };

  // The entries that have all words asked for, or, if none has, those with most of them; the best first.
  // The beginning of a page stands for the whole page.
  function search(query) {
    const asked = [...new Set(contentOf(query))];
    if (!asked.length) return { asked, found: [], share: 0 };
    const phrase = plain(query).trim();
    const pages = new Map();
    const scored = book.map((entry, order) => {
      const words = wordsOf(entry.text);
      const counts = asked.map((one) => words.filter((word) => matches(one, word)).length);
      const titles = wordsOf([entry.heading, entry.topic, ...entry.terms].join(" "));
      const has = new Set(asked.filter((one, k) =>
        counts[k] || titles.some((word) => matches(one, word) || abbreviates(one, word))));
      if (!pages.has(entry.page)) pages.set(entry.page, new Set());
      has.forEach((one) => pages.get(entry.page).add(one));
      const score = Math.max(
        40 * (entry.topic ? about(asked, entry.topic) : 0),
        30 * Math.max(0, ...entry.terms.map((term) => about(asked, term))),
        20 * about(asked, entry.heading),
      ) + 10 * says(counts, words.length, plain(entry.text).includes(phrase));
      return { entry, score, has, order };
    });
    const count = ({ entry, has }) => (entry.anchor || !has.size ? has : pages.get(entry.page)).size;
    const most = Math.max(...scored.map(count));
    const found = scored.filter((one) => most && count(one) === most);
    found.sort((a, b) => b.score - a.score || a.order - b.order);
    return { asked, found: found.map((one) => one.entry), share: most / asked.length };
  }

  // The piece of the text with most of the words, from the beginning of a sentence if one is near.
  function snippet(asked, text) {
    const hits = [...text.matchAll(WORD)].flatMap((match) => {
      const which = asked.findIndex((one) => wordsOf(match[0]).some((word) => matches(one, word)));
      return which < 0 ? [] : [{ start: match.index, end: match.index + match[0].length, which }];
    });
    const near = (first) => hits.filter((one) => one.start >= first.start && one.end <= first.start + SNIPPET * 0.7);
    const value = (first) => 100 * new Set(near(first).map((one) => one.which)).size + near(first).length;
    const best = hits.reduce((a, b) => (a && value(a) >= value(b) ? a : b), null);
    let start = 0;
    if (best && best.end > SNIPPET * 0.7) {
      const before = text.slice(best.start - SNIPPET * 0.3, best.start);
      const sentence = before.search(/(?<=[.?!:] )\S(?!.*[.?!:] )/);
      start = best.start - before.length + (sentence < 0 ? before.indexOf(" ") + 1 : sentence);
    }
    let end = text.length;
    if (start + SNIPPET < end) end = text.lastIndexOf(" ", start + SNIPPET);

    const box = document.createElement("p");
    box.className = "context";
    let at = start;
    box.append(start ? "… " : "");
    for (const hit of hits.filter((one) => one.start >= start && one.end <= end)) {
      const mark = document.createElement("mark");
      mark.textContent = text.slice(hit.start, hit.end);
      box.append(text.slice(at, hit.start), mark);
      at = hit.end;
    }
    box.append(text.slice(at, end), end < text.length ? " …" : "");
    return box;
  }

  function show(entry, asked) {
    const { page, anchor, place, heading, text, topic, terms } = entry;
    const link = document.createElement("a");
    link.href = page + DOCUMENTATION_OPTIONS.LINK_SUFFIX + (anchor && `#${anchor}`);
    if (!topic) {
      const where = document.createElement("span");
      where.className = "where";
      // A term of the glossary that is asked for and explained here, under another heading.
      const term = terms.find((one) => about(asked, one) === 1 && about(asked, heading) < 1);
      where.textContent = term ? `${place} · ${term}` : place;
      link.append(where, " ");
    }
    link.append(topic ? `${place}: ${heading}` : heading);
    // Sphinx marks these words in the page that opens (sphinx_highlight.js).
    link.addEventListener("click", () => {
      try {
        localStorage.setItem("sphinx_highlight_terms", asked.filter((word) => word.length > 2).join(" "));
      } catch { /* a browser that keeps nothing marks nothing */ }
    });
    const item = document.createElement("li");
    item.append(link, snippet(asked, text));
    return item;
  }

  addEventListener("DOMContentLoaded", () => {
    const [status, list, more] = document.getElementById("search-results").children;
    const query = new URLSearchParams(location.search).get("q")?.trim() ?? "";
    const field = document.querySelector("form.search input");
    field.value = query;
    if (!query) return field.focus();
    document.title = `${query} — ${document.title}`;

    const { asked, found, share } = search(query);
    list.append(...found.slice(0, FIRST).map((entry) => show(entry, asked)));
    more.hidden = found.length <= FIRST;
    more.textContent = `Show all ${found.length}`;
    more.addEventListener("click", () => {
      list.append(...found.slice(FIRST).map((entry) => show(entry, asked)));
      more.hidden = true;
      list.children[FIRST].querySelector("a").focus();
    });

    const pages = new Set(found.map((entry) => entry.page)).size;
    const count = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;
    const result = `${count(found.length, "section")} on ${count(pages, "page")}`;
    // A moment later, so that a screen reader has seen the empty line and reads what comes into it.
    setTimeout(() => {
      status.textContent = !found.length ? `Nothing in the book matches “${query}”.`
        : share === 1 ? `“${query}”: ${result}.`
        : `No section has all the words of “${query}”. Some of them: ${result}.`;
    }, 100);
  });
})();
