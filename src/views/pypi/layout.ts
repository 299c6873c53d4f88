// Where this view's documents lie. A static server can't choose a form by what a client accepts, so each form is an object of its
// own, and the server's index document is the one that clients get at the address that ends in a slash.

export const channelKeys = (channel: string) => ({
  list: { json: `pypi/${channel}/simple/index.json`, html: `pypi/${channel}/simple/index.html` },
  page: (project: string) => ({
    json: `pypi/${channel}/simple/${project}/index.json`,
    html: `pypi/${channel}/simple/${project}/index.html`,
  }),
});

export type ChannelKeys = ReturnType<typeof channelKeys>;

/** Of the simple repository API: the first with all that is listed here (PEP 700). */
export const apiVersion = "1.1";

export const rebuildHint = "`kiln views rebuild` writes it anew from the log";
