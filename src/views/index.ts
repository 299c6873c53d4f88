// The views, in the order in which they take a leaf in. The catalog isn't among them: it comes last, because the number
// of leaves in it says how far all of these are.

import { aptView } from "./apt/apt.ts";
import { besideView } from "./beside.ts";
import { channelsView } from "./channels.ts";
import { helmView } from "./helm/helm.ts";
import { npmView } from "./npm/npm.ts";
import { pypiView } from "./pypi/pypi.ts";
import { releasesView } from "./releases.ts";
import type { RepositorySource, View } from "./view.ts";
import { webView } from "./web/web.ts";
import { yumView } from "./yum/yum.ts";

export const views: readonly View<RepositorySource>[] = [
  besideView,
  releasesView,
  channelsView,
  aptView,
  yumView,
  npmView,
  pypiView,
  helmView,
  webView,
];
