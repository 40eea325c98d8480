import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/**
 * Fails the build if the page violates its content security policy (`default-src 'none'`, 'self' for scripts
 * and styles).
 */
const nothingInline: Plugin = {
  name: "nothing-inline",
  apply: "build",
  generateBundle(_, bundle) {
    for (const file of Object.values(bundle)) {
      if (file.type !== "asset" || !file.fileName.endsWith(".html")) continue;
      const inline = /<style|<script(?![^>]*\ssrc=)|\s(style|on\w+)=/i.exec(String(file.source));
      if (inline) this.error(`${file.fileName} has ${inline[0]} inline, which the policy forbids`);
    }
  },
};

export default defineConfig({
  plugins: [svelte(), svelteTesting(), nothingInline],
  base: "./",
  clearScreen: false,
  server: { port: 5173, strictPort: true },
  build: {
    target: "safari18", // WebKitGTK 2.46 and later
    assetsInlineLimit: 0, // no data: addresses
    modulePreload: false, // its polyfill would be inline
    chunkSizeWarningLimit: 700,
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.ts"],
    globalSetup: ["tests/global-setup.js"],
    setupFiles: ["src/test-setup.ts"],
    // a wait takes as long as the machine does: see `asyncUtilTimeout` in test-setup.ts
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
