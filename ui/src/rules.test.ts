// Rules that the type checker cannot enforce.

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

test("the rules cover all source files", () => {
  expect(files.length).toBeGreaterThan(100);
});

const breaking = (rule: RegExp, except: RegExp = /^$/) =>
  files.filter(({ file, text }) => !except.test(file) && rule.test(text)).map(({ file }) => file);

test("only host/tauri.ts imports Tauri", () => {
  expect(breaking(/@tauri-apps/, /^host\/tauri\.ts$/)).toEqual([]);
});

test("no raw HTML and no inline style attributes", () => {
  expect(breaking(/\{@html|innerHTML|insertAdjacentHTML|document\.write/)).toEqual([]);
  // `style:left={…}` goes through the CSSOM, which the content security policy allows
  expect(breaking(/\sstyle="/)).toEqual([]);
});

test("colors come from tokens.css", () => {
  const literal = /(#[0-9a-f]{3,8}\b|rgb\(|hsl\()(?![^"]*")/i;
  const styles = files.map(({ file, text }) => ({
    file,
    css: /<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? "",
  }));
  expect(styles.filter(({ css }) => literal.test(css)).map(({ file }) => file)).toEqual([]);
});

test("no network access except through the engine", () => {
  expect(breaking(/(?<![#.\w])fetch\(|XMLHttpRequest|WebSocket|EventSource/)).toEqual([]);
});
