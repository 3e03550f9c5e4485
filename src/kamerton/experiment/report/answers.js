// Filters the answers. Without scripts everything is shown.
for (const form of document.querySelectorAll("form.filter")) {
  const section = form.closest("section");
  const all = [...section.querySelectorAll(".asked")];
  const more = section.querySelector(".more");
  const page = 20;
  let set = "", limit = page;

  const show = () => {
    const differ = form.differ.checked, wanted = form.search.value.trim().toLowerCase();
    const matching = all.filter(one =>
      (!set || one.dataset.set === set) &&
      (!differ || one.classList.contains("differs")) &&
      (!wanted || one.textContent.toLowerCase().includes(wanted)));
    const shown = new Set(matching.slice(0, limit));
    for (const one of all) one.classList.toggle("out", !shown.has(one));
    form.querySelector("output").textContent = form.dataset.count
      .replace("#1", shown.size).replace("#2", matching.length);
    const left = matching.length - shown.size;
    more.hidden = left <= 0;
    more.textContent = form.dataset.more.replace("#", Math.min(left, page));
  };
  const afresh = () => { limit = page; show(); };

  for (const button of form.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      set = button.dataset.set;
      for (const other of form.querySelectorAll("button")) {
        other.setAttribute("aria-pressed", String(other === button));
      }
      afresh();
    });
  }
  form.addEventListener("input", afresh);
  form.addEventListener("submit", event => event.preventDefault());
  more.addEventListener("click", () => { limit += page; show(); });
  form.hidden = false;
  show();
}
