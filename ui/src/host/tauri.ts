// The Tauri host.

import { invoke } from "@tauri-apps/api/core";
import { getCurrentWebview } from "@tauri-apps/api/webview";
import { getCurrentWebviewWindow } from "@tauri-apps/api/webviewWindow";
import { getCurrentWindow } from "@tauri-apps/api/window";
import * as dialog from "@tauri-apps/plugin-dialog";
import type { AppEvent, Command, Host, Params, Result } from "./index";

export function tauriHost(): Host {
  return {
    call<C extends Command>(name: C, params: Params<C>): Promise<Result<C>> {
      return invoke("rpc", { name, params });
    },
    // only this window's events: another window may show another project
    listen: (listener) =>
      getCurrentWebviewWindow().listen<AppEvent>("signal", (event) => listener(event.payload)),
    dialogs: {
      async open({ title, many, kinds }) {
        const picked = await dialog.open({ title, multiple: many ?? false, filters: kinds ?? [] });
        if (picked === null) return [];
        return Array.isArray(picked) ? picked : [picked];
      },
      folder: ({ title }) => dialog.open({ title, directory: true }),
      save: ({ title, path, kinds }) =>
        dialog.save({ title, filters: kinds ?? [], ...(path ? { defaultPath: path } : {}) }),
    },
    notify: (title, text) => invoke("notify", { title, text }),
    openPath: (what) => invoke("open_outside", { what }),
    openLink: (what) => invoke("open_outside", { what }),
    copy: (text) => navigator.clipboard.writeText(text),
    // the item takes a promise: WebKit allows no wait between the click and this call
    copyPicture: async (png) => navigator.clipboard.write([new ClipboardItem({ "image/png": png })]),
    setTitle: (title) => getCurrentWindow().setTitle(title),
    onDrop: (listener) =>
      getCurrentWebview().onDragDropEvent(({ payload }) => {
        if (payload.type === "drop") listener(payload.paths);
      }),
    onClose: (mayClose) =>
      getCurrentWindow().onCloseRequested(async (event) => {
        if (!(await mayClose())) event.preventDefault();
      }),
    closeWindow: () => getCurrentWindow().destroy(),
    openWindow: (path) => invoke("window_new", { path }),
  };
}
