import { expect, test } from "vitest";
import { pngOf, standalone } from "./picture";

function drawn(): SVGSVGElement {
  document.body.innerHTML =
    '<style>.large { font-size: 20px }</style><svg width="100" height="50"><rect width="100" height="50"/><text class="large">1</text></svg>';
  return document.querySelector("svg") as SVGSVGElement;
}

test("a copied picture has its styles as attributes and its captions below", () => {
  const text = standalone(drawn(), 100, 50, ["ROC of judge", "main / test"]);
  const copy = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  expect(copy.getAttribute("viewBox")).toBe("0 0 100 86");
  expect(copy.querySelector("rect")?.getAttribute("height")).toBe("86");
  expect(copy.querySelector("text")?.getAttribute("font-size")).toBe("20px");
  expect(copy.querySelector("[class]")).toBeNull();
  const texts = [...copy.querySelectorAll("text")].map((one) => one.textContent);
  expect(texts).toEqual(["1", "ROC of judge", "main / test"]);
});

test("a picture that cannot be drawn is an error", async () => {
  await expect(pngOf(drawn(), 100, 50, [])).rejects.toThrow();
});
