import type { AccountInfo } from "../../host";
import { duration } from "../../parts/format";

export const APPS: { value: string; text: string; help: string }[] = [
  {
    value: "script",
    text: "Script",
    help: "Logs in with user name and password, read from the environment or the keychain.",
  },
  {
    value: "installed",
    text: "Installed app",
    help: "Logs in through the browser, without a secret.",
  },
  {
    value: "web",
    text: "Web app",
    help: "Logs in through the browser, with a secret read from the environment or the keychain.",
  },
];

export const appText = (app: string) => APPS.find((one) => one.value === app)?.text.toLowerCase() ?? app;

export function age(account: AccountInfo, now: number = Date.now()): string {
  const { created_utc } = account.facts;
  return created_utc === null ? "–" : duration(now / 1000 - created_utc);
}
