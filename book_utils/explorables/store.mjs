// The reader's predictions, { name: { answer, sure, right } }: in this browser, and nowhere else.
const KEY = "pnd-predictions";

/** How sure one can be, in percent. */
export const SURE = [30, 50, 70, 90, 99];

let here = null; // all of them, once the browser has refused to keep them: until the page is left

/** All that were made. What else may stand in the browser's store is passed over. */
export function predictions() {
  if (here) return here;
  let found = null;
  try {
    found = JSON.parse(localStorage.getItem(KEY));
  } catch {} // refused, or no JSON
  return Object.fromEntries(Object.entries(found ?? {}).filter(([, one]) => SURE.includes(one?.sure) &&
    typeof one.right === "boolean" && ["number", "string"].includes(typeof one.answer)));
}

/** Keep these and no others; false if the browser refuses. */
export function keep(all) {
  try {
    if (Object.keys(all).length) localStorage.setItem(KEY, JSON.stringify(all));
    else localStorage.removeItem(KEY);
    here = null;
  } catch {
    here = all;
  }
  return !here;
}
