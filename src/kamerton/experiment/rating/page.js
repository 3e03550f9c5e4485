// One pair at a time; every click is kept in the browser, nothing is sent anywhere.
(() => {
  const { sheet, words, language } = JSON.parse(document.getElementById("data").textContent);
  const CHOICES = ["left", "tie", "right", "skip"];
  const KEYS = { 1: "left", 2: "tie", 3: "right", 0: "skip" };
  const slot = "kamerton-rating-" + sheet.id;
  const by = id => document.getElementById(id);
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  let state = { rater: "", language, at: 0, ratings: {}, comments: {} };
  let keeps = true;

  try {
    state = Object.assign(state, JSON.parse(localStorage.getItem(slot) || "{}"));
  } catch (error) {
    keeps = false;
    console.warn("nothing is kept:", error);
  }
  const t = name => words[state.language][name];
  const keep = () => {
    try {
      localStorage.setItem(slot, JSON.stringify(state));
    } catch (error) {
      keeps = false;
      console.warn("nothing is kept:", error);
    }
    by("kept").textContent = t(keeps ? "saved" : "not_saved");
  };
  const finished = item => sheet.criteria.every(name => (state.ratings[item.id] || {})[name]);
  const done = () => sheet.items.filter(finished).length;

  const put = (id, text) => {
    by(id).textContent = text.trim() ? text : t("empty");
    by(id).classList.toggle("void", !text.trim());
  };
  const option = (criterion, choice, chosen) => {
    const label = document.createElement("label"), input = document.createElement("input");
    input.type = "radio";
    input.name = criterion;
    input.value = choice;
    input.checked = chosen === choice;
    label.append(input, t(choice));
    return label;
  };
  const line = (item, criterion) => {
    const field = document.createElement("fieldset"), legend = document.createElement("legend");
    const options = document.createElement("div");
    legend.textContent = t("criterion_" + criterion);
    options.className = "options";
    const chosen = (state.ratings[item.id] || {})[criterion];
    options.append(...CHOICES.map(choice => option(criterion, choice, chosen)));
    field.dataset.criterion = criterion;
    field.append(legend, options);
    return field;
  };
  const counts = () => {
    const total = sheet.items.length;
    by("position").textContent = fill(t("position"), { number: state.at + 1, total });
    by("progress").textContent = fill(t("progress"), { done: done(), total });
    by("bar").max = total;
    by("bar").value = done();
    by("message").textContent = done() === total ? t("done") : "";
  };
  const show = () => {
    const item = sheet.items[state.at];
    document.documentElement.lang = state.language;
    document.title = t("title");
    for (const one of document.querySelectorAll("[data-word]")) one.textContent = t(one.dataset.word);
    for (const one of document.querySelectorAll("[data-language]")) {
      one.setAttribute("aria-pressed", String(one.dataset.language === state.language));
    }
    by("question").textContent = item.question;
    by("reference").textContent = item.reference;
    by("reference-box").hidden = !item.reference.trim();
    put("left", item.left);
    put("right", item.right);
    by("choices").replaceChildren(...sheet.criteria.map(name => line(item, name)));
    by("comment").value = state.comments[item.id] || "";
    by("rater").value = state.rater;
    counts();
    keep();
  };
  const focusOpen = () => {
    const rated = state.ratings[sheet.items[state.at].id] || {};
    const name = sheet.criteria.find(one => !rated[one]);
    const target = name && document.querySelector(`fieldset[data-criterion="${name}"] input`);
    if (target) target.focus(); else by("next").focus();
  };
  const go = (place, focus) => {
    state.at = Math.max(0, Math.min(sheet.items.length - 1, place));
    show();
    if (focus) focusOpen();
  };
  const unfinished = () => {
    const total = sheet.items.length;
    for (let step = 1; step <= total; step += 1) {
      const place = (state.at + step) % total;
      if (!finished(sheet.items[place])) return go(place, true);
    }
    return counts();
  };
  const choose = (criterion, choice) => {
    const id = sheet.items[state.at].id;
    state.ratings[id] = { ...state.ratings[id], [criterion]: choice };
    counts();
    keep();
  };

  const cell = text => `"${String(text).replace(/"/g, '""')}"`;
  const csv = () => {
    const rows = [["sheet", "item", "rater", ...sheet.criteria, "comment"]];
    for (const item of sheet.items) {
      const rated = state.ratings[item.id] || {};
      const comment = state.comments[item.id] || "";
      const said = sheet.criteria.map(name => rated[name] || "");
      rows.push([sheet.id, item.id, state.rater, ...said, /^\s*[=+\-@]/.test(comment) ? "'" + comment : comment]);
    }
    return "\ufeff" + rows.map(row => row.map(cell).join(",")).join("\r\n") + "\r\n";
  };
  const save = () => {
    if (!state.rater.trim()) {
      by("message").textContent = t("need_name");
      by("rater").focus();
      return;
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv;charset=utf-8" }));
    link.download = `rating-${sheet.id}-${state.rater.trim().replace(/[^\p{L}\p{N}]+/gu, "-")}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  by("choices").addEventListener("change", event => choose(event.target.name, event.target.value));
  by("choices").addEventListener("submit", event => event.preventDefault());
  by("comment").addEventListener("input", event => {
    state.comments[sheet.items[state.at].id] = event.target.value;
    keep();
  });
  by("rater").addEventListener("input", event => { state.rater = event.target.value; keep(); });
  by("previous").addEventListener("click", () => go(state.at - 1, true));
  by("next").addEventListener("click", () => go(state.at + 1, true));
  by("unfinished").addEventListener("click", unfinished);
  by("export").addEventListener("click", save);
  for (const one of document.querySelectorAll("[data-language]")) {
    one.addEventListener("click", () => { state.language = one.dataset.language; show(); });
  }
  document.addEventListener("keydown", event => {
    const typing = event.target.matches("textarea, #rater");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (KEYS[event.key]) {
      const field = event.target.closest("fieldset");
      const rated = state.ratings[sheet.items[state.at].id] || {};
      const name = field ? field.dataset.criterion : sheet.criteria.find(one => !rated[one]);
      if (!name) return;
      choose(name, KEYS[event.key]);
      document.querySelector(`fieldset[data-criterion="${name}"] input[value="${KEYS[event.key]}"]`).checked = true;
      focusOpen();
    } else if (event.key === "ArrowRight") go(state.at + 1, true);
    else if (event.key === "ArrowLeft") go(state.at - 1, true);
    else if (event.key === "Enter" && !event.target.matches("button, summary")) go(state.at + 1, true);
    else return;
    event.preventDefault();
  });
  show();
})();
