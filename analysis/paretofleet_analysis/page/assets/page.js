"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { table, evidence, figures } = data;
  const views = [];
  const STEP = 200;
  const tbody = document.querySelector("#rows tbody");
  const more = document.getElementById("more");
  const find = document.getElementById("find");
  const state = { order: [...Array(table.count).keys()], sorted: 0, down: false, shown: STEP, opened: new Set() };

  const cell = (column, at) => (column.cells ? column.cells[at] : column.values[column.index[at]]);

  function element(name, properties = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key === "class") made.className = value;
      else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  // What is sorted by: the number that a text begins with, or the text; what has none stands last.
  function keys(column) {
    const texts = column.values || column.cells;
    const made = column.number
      ? texts.map((text) => {
          const number = parseFloat(text.replace(/^[<>~\s]+/, ""));
          if (Number.isNaN(number)) return null;
          return number + (text.startsWith(">") ? 1e-9 : text.startsWith("<") ? -1e-9 : 0);
        })
      : texts;
    return column.values ? column.index.map((at) => made[at]) : made;
  }

  function sort(at) {
    state.down = state.sorted === at ? !state.down : table.columns[at].number && at > 0;
    state.sorted = at;
    const values = keys(table.columns[at]);
    const sign = state.down ? -1 : 1;
    const compare = table.columns[at].number
      ? (a, b) => a - b
      : new Intl.Collator("en", { numeric: true }).compare;
    state.order = [...Array(table.count).keys()].sort((a, b) => {
      if (values[a] === null || values[b] === null) return (values[a] === null) - (values[b] === null) || a - b;
      return sign * compare(values[a], values[b]) || a - b;
    });
    draw();
  }

  // Every word has to stand in some name or fact of the row.
  const searched = [];
  function textOf(at) {
    if (searched[at] === undefined) {
      const parts = table.columns.filter((column) => !column.number).concat(evidence.facts);
      searched[at] = parts.map((column) => cell(column, at)).join("\n").toLowerCase();
    }
    return searched[at];
  }

  function matching() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = new Set([...document.querySelectorAll("[name=verdict]:checked")].map((box) => box.value));
    return state.order.filter(
      (at) => verdicts.has(cell(table.verdicts, at)) && words.every((word) => textOf(at).includes(word)),
    );
  }

  function draw() {
    const rows = matching();
    const shown = rows.slice(0, state.shown);
    tbody.replaceChildren(...shown.flatMap((at) => (state.opened.has(at) ? [row(at), opened(at)] : [row(at)])));
    document.getElementById("count").textContent =
      `${rows.length} of ${table.count} rows` + (shown.length < rows.length ? `, the first ${shown.length} shown` : "");
    more.hidden = shown.length >= rows.length;
    document.querySelectorAll("#rows thead th").forEach((head, at) => {
      if (at === state.sorted) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }

  function row(at) {
    const verdict = cell(table.verdicts, at);
    const last = table.columns.length - 1;
    const cells = table.columns.map((column, place) => {
      const text = cell(column, at);
      if (place > 0) return element("td", { class: place === last ? verdict : column.number ? "number" : "" }, text);
      const button = element("button", { type: "button", "aria-expanded": state.opened.has(at), "aria-label": `Row ${text}: what it rests on` }, text);
      return element("th", { scope: "row" }, button);
    });
    return element(
      "tr",
      {
        class: "row", "data-row": at + 1,
        onclick: () => toggle(at),
        onpointerenter: () => point(at + 1), onpointerleave: () => point(0),
        onfocusin: () => point(at + 1), onfocusout: () => point(0),
      },
      ...cells,
    );
  }

  function toggle(at) {
    if (!state.opened.delete(at)) state.opened.add(at);
    const line = tbody.querySelector(`[data-row="${at + 1}"]`);
    if (!line) return;
    const isOpen = state.opened.has(at);
    line.querySelector("button").setAttribute("aria-expanded", isOpen);
    if (isOpen) line.after(opened(at));
    else line.nextElementSibling.remove();
  }

  function opened(at) {
    const facts = evidence.facts
      .map((fact) => [fact.title, cell(fact, at)])
      .filter(([, value]) => value !== "")
      .map(([title, value]) => element("div", {}, element("dt", {}, title), element("dd", {}, value)));
    const inside = element("div", { class: "inside" }, element("p", {}, cell(evidence.sentences, at)));
    const flags = evidence.row_flags[at].map((place) => evidence.flag_names[place]);
    if (flags.length) {
      inside.append(element("ul", {}, ...flags.map(([name, meaning]) => element("li", {}, element("strong", {}, name), `: ${meaning}`))));
    }
    inside.append(element("dl", {}, ...facts), runs(at));
    return element("tr", { class: "opened" }, element("td", { colspan: table.columns.length }, inside));
  }

  function runs(at) {
    const heads = ["block", "boot", "begun (UTC)", ...evidence.measures.map((measure) => measure.title), "flags"];
    if (evidence.run_ids) heads.push("run");
    const lines = evidence.blocks[at].map((block, run) => {
      const started = evidence.started[at][run];
      const cells = [
        block, evidence.boots[at][run],
        started === null ? null : new Date(1000 * started).toISOString().slice(0, 16).replace("T", " "),
        ...evidence.measures.map((measure) => measure.runs[at][run]),
        evidence.run_flags[at][run].map((place) => evidence.flag_names[place][0]).join(", "),
      ];
      if (evidence.run_ids) cells.push(evidence.run_ids[at][run]);
      const counted = evidence.counted[at][run];
      const shown = cells.map((value) => element("td", { class: typeof value === "number" ? "number" : "" }, value === null ? "-" : String(value)));
      return element("tr", counted ? {} : { class: "aside", title: "set aside: in no mean" }, ...shown);
    });
    const numbers = 3 + evidence.measures.length;
    const head = element("tr", {}, ...heads.map((text, place) =>
      element("th", { scope: "col", class: place < numbers && place !== 2 ? "number" : "" }, text)));
    return element("div", { class: "scroll" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines)));
  }

  // A row of the table is shown in every panel, and a point of a panel in the table.
  function point(number) {
    for (const view of views) {
      if (view.signal("picked") !== number) view.signal("picked", number).runAsync();
    }
  }

  function hovered(number) {
    tbody.querySelector(".hovered")?.classList.remove("hovered");
    tbody.querySelector(`[data-row="${number}"]`)?.classList.add("hovered");
  }

  function chosen(number) {
    const at = number - 1;
    if (!matching().slice(0, state.shown).includes(at)) {
      find.value = "";
      document.querySelectorAll("[name=verdict]").forEach((box) => { box.checked = true; });
      state.shown = Math.max(state.shown, state.order.indexOf(at) + 1);
      draw();
    }
    if (!state.opened.has(at)) toggle(at);
    const line = tbody.querySelector(`[data-row="${number}"]`);
    line.scrollIntoView({ block: "center" });
    line.querySelector("button").focus({ preventScroll: true });
  }

  const ink = { labelColor: "currentColor", titleColor: "currentColor" };
  const CONFIG = {
    background: null, font: "system-ui, sans-serif",
    axis: { ...ink, domainColor: "currentColor", tickColor: "currentColor", gridColor: "currentColor", gridOpacity: 0.12, labelLimit: 160, labelOverlap: "greedy", labelSeparation: 4 },
    legend: ink, header: ink, title: { subtitleColor: "currentColor" }, text: { color: "currentColor" }, view: { stroke: "currentColor", strokeOpacity: 0.2 },
  };

  // Panels stand beside one another as the width allows; words around a figure are the page's.
  const darkness = matchMedia("(prefers-color-scheme: dark)");
  function fitted(specification, width) {
    const texts = specification.datasets.points?.some((point) => typeof point.x === "string") ? Math.min(320, Math.floor(width * (width < 600 ? 0.42 : 0.33))) : 0;
    const text = JSON.stringify(specification);
    const spec = JSON.parse(darkness.matches ? text.replaceAll("#0072B2", "#3DA5E6").replaceAll('"stroke":"white"', '"stroke":"#14171b"') : text);
    delete spec.title;
    delete spec.config.axis;
    const beside = spec.concat ? Math.max(1, Math.min(spec.concat.length, Math.floor(width / 330))) : 1;
    const wide = Math.max(200, Math.min(spec.concat ? 420 : 720, Math.floor((width - 28 * (beside - 1)) / beside) - 74 - texts));
    for (const panel of spec.concat || [spec]) {
      if (typeof panel.width === "number") panel.width = wide;
    }
    if (spec.concat) spec.columns = beside;
    if (texts) spec.config.axisY = { labelLimit: texts };
    return spec;
  }

  async function embed(place) {
    const specification = figures[place.dataset.figure];
    const { view } = await vegaEmbed(place, fitted(specification, place.clientWidth), {
      actions: false, renderer: "svg", config: CONFIG, tooltip: { theme: darkness.matches ? "dark" : "light" },
    });
    if (place.dataset.figure !== "frontier") return;
    views[0] = view;
    const of = (item) => item?.datum?.number;
    view.addEventListener("pointerover", (_, item) => hovered(of(item)));
    view.addEventListener("click", (_, item) => of(item) && chosen(of(item)));
  }

  darkness.addEventListener("change", () => embedAll());
  let width = window.innerWidth;
  // The frontier first; the studies' figures when there is time, so that the page answers meanwhile.
  async function embedAll() {
    const idle = window.requestIdleCallback || ((callback) => setTimeout(callback, 1));
    for (const place of document.querySelectorAll("[data-figure]")) {
      await embed(place);
      await new Promise((resolve) => idle(resolve, { timeout: 200 }));
    }
  }
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    embedAll();
  });

  const heads = table.columns.map((column, at) =>
    element("th", { scope: "col", class: column.number ? "sorts number" : "sorts" }, element("button", { type: "button", onclick: () => sort(at) }, column.title)),
  );
  document.querySelector("#rows thead").append(element("tr", {}, ...heads));
  find.addEventListener("input", draw);
  document.querySelectorAll("[name=verdict]").forEach((box) => box.addEventListener("change", draw));
  more.addEventListener("click", () => { state.shown += STEP; draw(); });
  draw();
  window.ready = embedAll().then(() => { document.documentElement.dataset.ready = "yes"; });
})();
