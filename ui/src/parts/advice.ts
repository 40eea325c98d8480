// What to do about an error, by its code.

import type { Code } from "../host";

export const ADVICE: Record<Code, string> = {
  usage: "Correct the value and try again. Your input is kept.",
  "not-found": "Check the name or path. It may have been moved, renamed or deleted.",
  exists: "Choose another name, or use the existing item.",
  "bad-input": "Invalid input. Check the file at the position in the message; valid rows are kept.",
  "not-a-project": "Choose a .repartee file, or create a project.",
  "newer-project":
    "The file was written by a newer version of Repartee. Install that version to open it. Nothing was changed.",
  "foreign-project":
    "The file may come from someone else; nothing in it was run. Ask its author, or repair it on the command line: repartee check --repair.",
  busy: "Another program is using it. Wait until it is done, or pause it, and try again.",
  "disk-full": "Disk full. Free up space and retry; saved data is intact.",
  damaged: "Back up the file first, then verify its integrity under Settings.",
  unreadable:
    "Everything else can be used. Repair the value on the command line, which makes a copy first: repartee check --repair.",
  model: "Model mismatch. The details name the shape, name or value that is wrong.",
  io: "File access or network failed. Check permissions and connection, and try again.",
  negative: "Check failed; see details.",
  login: "Log in under Reddit › Accounts. Secrets are read from the environment or the system keychain.",
  refused:
    "Blocked by one of your rules or by Reddit; see the message. Nothing was sent, and your input is kept.",
  copied: "Confirm this project file under Reddit or next to the reply. Nothing was sent.",
  changed: "Nothing was done. The screen now shows the new version: review it and try again.",
  permission:
    "Record the permission under Data › Permissions, or turn off strict mode there. Nothing was started, and your input is kept.",
  internal: "Internal error. Please include the details in a bug report; your data is safe.",
};
