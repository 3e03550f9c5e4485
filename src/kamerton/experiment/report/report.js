// Filters the answers. Without scripts everything is shown.
(() => {
  const section = document.getElementById("answers");
  const form = section.querySelector("form");
  const all = [...section.querySelectorAll(".asked")];
  const more = section.querySelector(".more");
  const page = 20;
  let set = "", limit = page;

  const show = () => {
    const differ = form.differ.checked, wanted = form.search.value.trim().toLowerCase();
    const found = all.filter(one =>
      (!set || one.dataset.set === set) &&
      (!differ || one.classList.contains("differs")) &&
      (!wanted || one.textContent.toLowerCase().includes(wanted)));
    const seen = new Set(found.slice(0, limit));
    for (const one of all) one.classList.toggle("out", !seen.has(one));
    form.querySelector("output").textContent = section.dataset.count
      .replace("#1", seen.size).replace("#2", found.length);
    const left = found.length - seen.size;
    more.hidden = left <= 0;
    more.textContent = section.dataset.more.replace("#", Math.min(left, page));
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
})();
