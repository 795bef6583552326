// Sphinx fetches the page of every result to cut a summary out of it, which a browser refuses on file://.
// The text is in search-text.js instead: {page: {section: text}}.
window.fetch = async (url) => ({ text: async () => bookText[url.replace(/^\.\//, "").replace(/\.html$/, "")] });
Search.htmlToText = (sections, anchor) => sections[anchor?.slice(1)] || Object.values(sections).join(" ") || " ";
