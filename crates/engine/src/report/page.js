"use strict";
// Threshold and rates of the point of a ROC curve that is nearest to the pointer, or that the arrow keys chose.
for (const figure of document.querySelectorAll("figure[data-roc]")) {
  const data = JSON.parse(figure.dataset.roc);
  const svg = figure.querySelector("svg");
  const output = figure.querySelector("output");
  const box = svg.viewBox.baseVal;
  const [left, top, width, height] = data.plot;
  const share = (value, [from, to]) => (value - from) / (to - from);
  const points = data.curves.flatMap((curve) =>
    curve.points.map(([fpr, tpr, threshold]) => ({
      fpr,
      tpr,
      threshold,
      name: curve.name,
      x: left + share(fpr, data.x) * width,
      y: top + (1 - share(tpr, data.y)) * height,
    })),
  );
  const dot = document.createElementNS(svg.namespaceURI, "circle");
  dot.setAttribute("r", 9);
  dot.setAttribute("class", "dot");
  let at = 0;
  const show = (wanted) => {
    at = Math.min(Math.max(wanted, 0), points.length - 1);
    const { fpr, tpr, threshold, name, x, y } = points[at];
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", y);
    svg.append(dot);
    const from = threshold === null ? "above every probability" : threshold;
    output.textContent = `${name}: threshold ${from}, TPR ${tpr.toFixed(3)}, FPR ${fpr.toFixed(3)}`;
  };
  output.textContent = "Point at a curve, or focus the chart and use the arrow keys, to read threshold, TPR and FPR.";
  svg.setAttribute("tabindex", 0);
  svg.addEventListener("pointermove", (event) => {
    const place = svg.getBoundingClientRect();
    const x = box.x + ((event.clientX - place.left) / place.width) * box.width;
    const y = box.y + ((event.clientY - place.top) / place.height) * box.height;
    const distances = points.map((point) => Math.hypot(point.x - x, point.y - y));
    show(distances.reduce((best, distance, i) => (distances[best] > distance ? i : best), 0));
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    show(at + step);
  });
}
