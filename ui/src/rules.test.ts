// Rules of this folder that no type can hold.

import { expect, test } from "vitest";

const read = import.meta.glob<string>(
  ["./**/*.{svelte,ts,css}", "!./**/*.test.ts", "!./host/api.ts", "!./test*.ts"],
  {
    query: "?raw",
    import: "default",
    eager: true,
  },
);
const files = Object.entries(read).map(([file, text]) => ({ file: file.replace("./", ""), text }));

test("all files are looked at", () => {
  expect(files.length).toBeGreaterThan(100);
});

const breaking = (rule: RegExp, except: RegExp = /^$/) =>
  files.filter(({ file, text }) => !except.test(file) && rule.test(text)).map(({ file }) => file);

test("only host/ knows Tauri", () => {
  expect(breaking(/@tauri-apps/, /^host\/tauri\.ts$/)).toEqual([]);
});

test("nothing is written as HTML, and nothing is styled inline", () => {
  expect(breaking(/\{@html|innerHTML|insertAdjacentHTML|document\.write/)).toEqual([]);
  // `style:left={…}` is set through the object model, which the policy allows; an attribute is not
  expect(breaking(/\sstyle="/)).toEqual([]);
});

test("colours and fonts come from the tokens", () => {
  const literal = /(#[0-9a-f]{3,8}\b|rgb\(|hsl\()(?![^"]*")/i;
  const styles = files.map(({ file, text }) => ({
    file,
    css: /<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? "",
  }));
  expect(styles.filter(({ css }) => literal.test(css)).map(({ file }) => file)).toEqual([]);
});

test("the window never asks for anything but its own files and the engine", () => {
  expect(breaking(/(?<![#.\w])fetch\(|XMLHttpRequest|WebSocket|EventSource/)).toEqual([]);
});
