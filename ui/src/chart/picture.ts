// A drawn chart as a bitmap, for the clipboard.

/** What a chart's style sheets set: as attributes, it looks the same outside of the page. */
const STYLES = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-opacity",
  "stroke-dasharray",
  "font-family",
  "font-size",
  "font-weight",
];
const LINE = 18;
const SVG = "http://www.w3.org/2000/svg";

/** A chart that needs no style sheet, with lines of text below it. */
export function standalone(svg: SVGSVGElement, width: number, height: number, captions: string[]): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const copies = [copy, ...copy.querySelectorAll("*")];
  for (const [i, element] of [svg, ...svg.querySelectorAll("*")].entries()) {
    const style = getComputedStyle(element);
    for (const name of STYLES) {
      const value = style.getPropertyValue(name);
      if (value !== "") copies[i]?.setAttribute(name, value);
    }
    copies[i]?.removeAttribute("class");
  }
  const whole = height + LINE * captions.length;
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(whole));
  copy.setAttribute("viewBox", `0 0 ${width} ${whole}`);
  // the first shape is the background
  copy.querySelector("rect")?.setAttribute("height", String(whole));
  const like = copy.querySelector("text");
  for (const [i, caption] of captions.entries()) {
    const text = document.createElementNS(SVG, "text");
    for (const name of ["fill", "font-family", "font-size"]) {
      const value = like?.getAttribute(name);
      if (value) text.setAttribute(name, value);
    }
    text.setAttribute("x", "8");
    text.setAttribute("y", String(height + LINE * (i + 0.6)));
    text.textContent = caption;
    copy.append(text);
  }
  return new XMLSerializer().serializeToString(copy);
}

/** A PNG at twice the size. Rejects where the web view can't draw one. */
export async function pngOf(
  svg: SVGSVGElement,
  width: number,
  height: number,
  captions: string[],
): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(svg, width, height, captions))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = 2 * width;
  canvas.height = 2 * (height + LINE * captions.length);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("the web view has no canvas");
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("the web view can't write a PNG"))),
      "image/png",
    );
  });
}
