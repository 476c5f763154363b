"use strict";
// Draws the picture that a part of the page announces by its number, by Vega without compiling text to code.
(() => {
  const place = document.getElementById("drawn");
  if (!place) return;
  const ink = { labelColor: "currentColor", titleColor: "currentColor" };
  const CONFIG = {
    background: null, font: "system-ui, sans-serif",
    axis: { ...ink, domainColor: "currentColor", tickColor: "currentColor", gridColor: "currentColor", gridOpacity: 0.12, labelLimit: 160, labelOverlap: "greedy", labelSeparation: 4 },
    legend: ink, header: ink, title: { subtitleColor: "currentColor" }, text: { color: "currentColor" }, view: { stroke: "currentColor", strokeOpacity: 0.2 },
  };
  const darkness = matchMedia("(prefers-color-scheme: dark)");
  const state = { number: "0", specification: null };

  function library() {
    if (!place.dataset.vega || window.vegaEmbed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = place.dataset.vega;
      script.addEventListener("load", resolve);
      script.addEventListener("error", reject);
      document.head.append(script);
    });
  }

  function fitted(specification, width) {
    const text = JSON.stringify(specification);
    const spec = JSON.parse(darkness.matches ? text.replaceAll("#0072B2", "#3DA5E6").replaceAll('"stroke":"white"', '"stroke":"#14171b"') : text);
    delete spec.title;
    if (spec.config) delete spec.config.axis;
    const beside = spec.concat ? Math.max(1, Math.min(spec.concat.length, Math.floor(width / 330))) : 1;
    const wide = Math.max(200, Math.min(spec.concat ? 420 : 720, Math.floor((width - 28 * (beside - 1)) / beside) - 74));
    for (const panel of spec.concat || [spec]) if (typeof panel.width === "number") panel.width = wide;
    if (spec.concat) spec.columns = beside;
    return spec;
  }

  async function draw() {
    if (!state.specification || !window.vegaEmbed) return;
    await vegaEmbed(place, fitted(state.specification, place.clientWidth), {
      actions: false, renderer: "svg", config: CONFIG, ast: true, defaultStyle: false,
      tooltip: { theme: darkness.matches ? "dark" : "light", disableDefaultStyle: true },
    });
    place.dataset.drawn = state.number;
  }

  async function look() {
    const number = document.getElementById("frontier")?.dataset.number || "0";
    if (number === state.number) return;
    const reply = await fetch(`${place.dataset.figure}?number=${number}`);
    if (!reply.ok) return;
    state.number = number;
    const { specification, words } = await reply.json();
    if (!specification || !place.dataset.vega) return;
    state.specification = specification;
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", words);
    await library();
    await draw();
  }

  document.addEventListener("parts", look);
  darkness.addEventListener("change", draw);
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    draw();
  });
  look();
})();
