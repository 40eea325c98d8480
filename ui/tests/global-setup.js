// Finds the engine of the component tests, and makes its sample once for each build.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const built = process.env.REPARTEE_BUILT || resolve(import.meta.dirname, "../../target/debug");
const program = join(built, process.platform === "win32" ? "engine-under-test.exe" : "engine-under-test");

export default function setup({ provide }) {
  if (!existsSync(program))
    throw new Error(
      `${program} is missing: the component tests run on the real engine. Build it with \`cargo build --workspace --bins --locked\`, or run \`make test\`.`,
    );
  const { mtimeMs, size } = statSync(program);
  const sample = join(tmpdir(), `repartee-ui-sample-${Math.round(mtimeMs)}-${size}`);
  if (!existsSync(sample)) {
    const fresh = mkdtempSync(join(tmpdir(), "repartee-ui-making-"));
    execFileSync(program, ["sample", fresh], { stdio: ["ignore", "ignore", "inherit"] });
    renameSync(fresh, sample);
  }
  provide("engine", { program, sample });
}
