// Accounts in words.

import type { AccountInfo } from "../../host";
import { duration } from "../../parts/format";

export const APPS: { value: string; text: string; help: string }[] = [
  {
    value: "script",
    text: "Script",
    help: "For your own account: logs in with its name and password, which come from the environment or the keychain.",
  },
  {
    value: "installed",
    text: "Installed app",
    help: "Logs in through your browser, and has no secret.",
  },
  {
    value: "web",
    text: "Web app",
    help: "Logs in through your browser, and has a secret, which comes from the environment or the keychain.",
  },
];

export const appText = (app: string) => APPS.find((one) => one.value === app)?.text.toLowerCase() ?? app;

/** How old an account is. */
export function age(account: AccountInfo, now: number = Date.now()): string {
  const { created_utc } = account.facts;
  return created_utc === null ? "–" : duration(now / 1000 - created_utc);
}
