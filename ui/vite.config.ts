import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

// The web view's policy is `default-src 'none'` with 'self' for scripts, styles, images and fonts, so
// nothing may end up inline: no module preload polyfill, no assets as data: addresses.
export default defineConfig({
  plugins: [svelte(), svelteTesting()],
  base: "./",
  clearScreen: false,
  server: { port: 5173, strictPort: true },
  build: {
    target: "safari18", // WebKitGTK 2.46 and later
    assetsInlineLimit: 0,
    modulePreload: false,
    chunkSizeWarningLimit: 700,
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.ts"],
    setupFiles: ["src/test-setup.ts"],
    testTimeout: 20_000,
  },
});
