// What a person can do about an error, by its code. The message says what happened; this says what next.

import type { Code } from "../host";

export const ADVICE: Record<Code, string> = {
  usage: "Change the value that the message names and try again. What you typed is still here.",
  "not-found": "Check the name or the path; it may have been moved, renamed or removed.",
  exists: "Take another name, or use the one that is there.",
  "bad-input":
    "The file is not what was expected. Look at the place that the message names; what was good is kept.",
  "not-a-project": "Choose a .repartee file, or make a new project.",
  "newer-project":
    "The file was written by a newer Repartee. Install that version to open it; nothing was changed.",
  "foreign-project":
    "The file may come from somebody else, and nothing in it was run. Ask who gave it to you, or repair it on the command line: repartee check --repair.",
  busy: "Another program holds it at this moment. Wait for it, or pause it, and try again.",
  "disk-full": "Make room on the disk and try again. What was stored before is kept.",
  damaged:
    "Check the project under Settings; it names what is damaged. Keep a copy of the file before anything else.",
  model: "The model cannot do this as it is. The details say which shape, name or number is wrong.",
  io: "The system refused a file or the network failed. Check the rights and the connection, and try again.",
  negative: "This is a finding, not a fault: the details list what was found.",
  login:
    "Log the account in under Reddit, Accounts. Secrets come from the environment or the keychain of the system.",
  refused:
    "A rule of yours or of Reddit's stands against it; the message says which. Nothing was sent, and what you typed is still here.",
  copied:
    "Confirm that this file is the one to go on with, under Reddit or beside the reply. Nothing was sent.",
  changed: "Nothing was done. What is on the screen now is the new version: read it, and decide again.",
  permission:
    "Record the permission under Data, Permissions, or switch strict off there. Nothing was started, and what you typed is still here.",
  internal: "This is a fault of Repartee. The details help to find it; what was stored is kept.",
};
