// The keys of the page Review, and the note that is kept until its label is recorded. The page works without all of it.
(() => {
  "use strict";
  const one = (selector) => document.querySelector(selector);
  // A browser that keeps nothing still labels.
  const kept = {
    get(key) { try { return localStorage.getItem(key); } catch { return null; } },
    set(key, text) { try { localStorage.setItem(key, text); } catch { /* kept nowhere */ } },
    drop(key) { try { localStorage.removeItem(key); } catch { /* kept nowhere */ } },
  };

  const form = one("#label");
  const person = one("#main").dataset.person;
  const place = (item) => `gatewright/note/${person}/${item}`;
  for (const said of document.querySelectorAll("[data-said]")) kept.drop(place(said.dataset.said));
  const note = one("#note");
  if (form && note) {
    const key = place(form.dataset.item);
    if (note.value === "") note.value = kept.get(key) || "";
    note.addEventListener("input", () => {
      if (note.value === "") kept.drop(key); else kept.set(key, note.value);
    });
  }

  const OFF = "gatewright/keys-off";
  const box = one("#keys-off");
  if (box) {
    box.checked = kept.get(OFF) === "1";
    one("#keys-switch").hidden = false;
    box.addEventListener("change", () => {
      if (box.checked) kept.set(OFF, "1"); else kept.drop(OFF);
    });
  }

  // The server refuses a late undo; a button that would be refused need not stay.
  const undo = one("#undo");
  if (undo) setTimeout(() => undo.closest("form").remove(), 30000);

  let sent = false;
  document.addEventListener("submit", () => { sent = true; });
  // Back from the next page: the page is as it was, and nothing is under way.
  window.addEventListener("pageshow", () => { sent = false; });
  const press = (button) => { if (button && !sent) button.click(); };

  document.addEventListener("keydown", (event) => {
    const at = event.target;
    const typing = at instanceof Element && at.closest("textarea, select, input:not([type=checkbox]):not([type=radio])");
    if (event.key === "Escape" && typing) { typing.blur(); return; }
    if (typing || event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.isComposing) return;
    if (kept.get(OFF) === "1" || (box && box.checked)) return;
    if (/^[1-9]$/.test(event.key)) {
      press(one(`button[name=choice][value="${event.key}"]`));
    } else if (event.key === "u") {
      press(one("#undo"));
    } else if (event.key === "c" && note) {
      event.preventDefault();
      note.focus();
    } else if (event.key === "s" && one("#aside")) {
      event.preventDefault();
      one("#aside").open = true;
      one("#reason").focus();
    } else if (event.key === "?") {
      location.assign("/keys");
    }
  });
})();
