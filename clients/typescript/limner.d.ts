// Types of Limner's API, written by scripts/write_types.py from its OpenAPI and AsyncAPI documents: `make docs`.
// `Calls["POST /v2/openapi/task"]["body"]` is what a call takes, `["answer"]` what a success brings.

export type Error = {
  code: 1000 | 1001 | 1002 | 1003 | 1004 | 1005 | 1007 | 2000 | 2001 | 2002 | 2003 | 2004 | 2005 | 2006 | 2007 | 2008 | 2009 | 2010 | 2011 | 2012 | 2013 | 2014 | 2015 | 2016 | 2017 | 2018 | 2019 | 2021 | 2022 | 9404 | 9405 | 9414 | 9415;
  message: string;
  suggestion: string;
};

export type Task = {
  task_id: string;
  type: string;
  status: "queued" | "running" | "success" | "failed" | "banned" | "expired" | "cancelled";
  /** The request as it was understood. */
  input: Record<string, unknown>;
  /** Empty until success. */
  output: {
    generated_image?: string;
    /** All pictures of a request for several. */
    generated_images?: Array<string>;
  };
  /** The older form of output. */
  result?: Record<string, unknown>;
  progress: number;
  /** Seconds since 1970. */
  create_time: number;
  /** Tasks before this one, -1 when it is not queued. */
  queuing_num?: number;
  /** Seconds left, -1 when it is not running. */
  running_left_time?: number;
  consumed_credit?: number;
  error_code?: number;
  error_msg?: string;
  prompt?: string;
  thumbnail?: string;
  /** What really made the picture. */
  served_by?: Record<string, unknown>;
  /** A small copy; in lists and lineages. */
  thumbnail_url?: string;
  /** The fields that were not obeyed; absent where there are none. */
  ignored?: Array<{
    field: string;
    reason: string;
  }>;
  /** What the pictures looked like before they were finished; absent where there are none. */
  partial_images?: Array<{
    /** Which of the task's pictures, from 1. */
    picture: number;
    /** Which of its previews, from 0. */
    number: number;
    url: string;
  }>;
  /** Retention leaves its pictures alone. Absent otherwise. */
  kept?: true;
  /** When it will be erased, unless that is undone. */
  erase_time?: number;
  /** When its picture was removed, Unix seconds. */
  output_removed_time?: number;
};

export type Quote = {
  /** Credits of the task. */
  price: (number | null);
  n: (number | null);
  model: ({
    model_version: string;
    title: string;
    reason: string;
  } | null);
  /** The route that would run the task now. */
  route: ({
    name: string;
    provider: string;
    model: string;
    /** Of one picture, at the vendor. Null is not known. */
    price_usd: (number | null);
    expected_seconds: number;
    open: boolean;
  } | null);
  fallbacks: Array<{
    name: string;
    provider: string;
    model: string;
    /** Of one picture, at the vendor. Null is not known. */
    price_usd: (number | null);
    expected_seconds: number;
    open: boolean;
  }>;
  skipped_routes: Array<{
    name?: string;
    reason?: string;
  }>;
  tasks_ahead: number;
  prompts: Array<{
    picture?: string;
    text?: string;
    parts?: Array<{
      source?: string;
      text?: string;
    }>;
  }>;
  references: Array<{
    number?: number;
    source?: string;
    field?: string;
    template?: string;
  }>;
  ignored: Array<{
    field?: string;
    reason?: string;
  }>;
  funds: {
    balance: number;
    frozen: number;
    budgets: Array<{
      of?: string;
      period?: string;
      limit?: number;
      left?: number;
    }>;
  };
  problems: Array<{
    code?: number;
    message?: string;
    suggestion?: string;
    field?: string;
  }>;
};

/** Which other routes a task may take when the first of them fails. */
export type Fallback = "never" | "same_price" | "any";

/** A reference picture: exactly one of `file_token`, `url`, `object`, `task_id` and `data`. */
export type FileRef = {
  /** A hint, not validated. */
  type?: (string | null);
  /** The token an upload answered. */
  file_token?: (string | null);
  /** A public http(s) URL, at most 20 MB. */
  url?: (string | null);
  object?: (ObjectRef | null);
  /** The picture itself in base64, at most 20 MB decoded. */
  data?: (string | null);
  /** A task of yours that made a picture. */
  task_id?: (string | null);
  /** With `task_id`: which of its pictures, by the name in its link, such as `generated_image_2` or `left_view`. Default: the first. */
  picture?: (string | null);
};

/** A picture uploaded to the bucket. */
export type ObjectRef = {
  bucket: string;
  key: string;
};

/** Make a picture from a prompt, reference pictures and a template. */
export type GenerateImage = {
  /** 1 to 3, higher is sooner. */
  priority?: number;
  /** The most in US dollars that a vendor may charge for one picture, 0 to 1000000. */
  max_vendor_usd?: ((number) | null);
  /** Which other routes the task may take when the first one fails: never, same_price, any. The stricter rule of the key or the account counts. */
  fallback?: (Fallback | null);
  /** How many pictures are made, 1 to 10, each at the price of one. Default: 1. */
  n?: (number | null);
  /** 1K, 2K, 4K, or exact pixels as WIDTHxHEIGHT, 64 to 4096 each. Default: what the model makes. */
  size?: (string | null);
  /** Preferred ratio as width:height, from 1:8 to 8:1. */
  aspect_ratio?: (string | null);
  /** One of low, medium, high, xhigh, max. */
  quality?: (string | null);
  /** One of transparent, opaque. */
  background?: (string | null);
  /** One of png, jpeg, webp. */
  output_format?: (string | null);
  /** 0 to 100, for jpeg and webp; 100 is the best quality. */
  output_compression?: (number | null);
  /** 0 to 2147483647; of several pictures, each has the next number. */
  seed?: (number | null);
  /** 0 to 3 previews of each picture while it is drawn, where the model has them. */
  partial_images?: (number | null);
  type: "generate_image";
  /** 1 to 1024 characters. May be left out when a template is set. `image[1]` names the first reference picture. */
  prompt?: (string | null);
  /** Default: flux.1_kontext_pro, or what the operator chose. */
  model_version?: (string | null);
  /** Old name of model_version. */
  model?: (string | null);
  template?: (string | null);
  file?: (FileRef | null);
  files?: (Array<FileRef> | null);
  /** A PNG or WebP of the size of the first picture; its transparent parts are drawn anew. */
  mask?: (FileRef | null);
  t_pose?: (boolean | null);
  sketch_to_render?: (boolean | null);
};

/** Make a picture from a prompt, on the default model. */
export type TextToImage = {
  /** 1 to 3, higher is sooner. */
  priority?: number;
  /** The most in US dollars that a vendor may charge for one picture, 0 to 1000000. */
  max_vendor_usd?: ((number) | null);
  /** Which other routes the task may take when the first one fails: never, same_price, any. The stricter rule of the key or the account counts. */
  fallback?: (Fallback | null);
  /** How many pictures are made, 1 to 10, each at the price of one. Default: 1. */
  n?: (number | null);
  /** 1K, 2K, 4K, or exact pixels as WIDTHxHEIGHT, 64 to 4096 each. Default: what the model makes. */
  size?: (string | null);
  /** Preferred ratio as width:height, from 1:8 to 8:1. */
  aspect_ratio?: (string | null);
  /** One of low, medium, high, xhigh, max. */
  quality?: (string | null);
  /** One of transparent, opaque. */
  background?: (string | null);
  /** One of png, jpeg, webp. */
  output_format?: (string | null);
  /** 0 to 100, for jpeg and webp; 100 is the best quality. */
  output_compression?: (number | null);
  /** 0 to 2147483647; of several pictures, each has the next number. */
  seed?: (number | null);
  /** 0 to 3 previews of each picture while it is drawn, where the model has them. */
  partial_images?: (number | null);
  type: "text_to_image";
  /** 1 to 1024 characters. */
  prompt: string;
  negative_prompt?: (string | null);
  style_image?: (FileRef | null);
};

/** Show the subject of a picture from the front, the left, the back and the right. */
export type GenerateMultiview = {
  /** 1 to 3, higher is sooner. */
  priority?: number;
  /** The most in US dollars that a vendor may charge for one picture, 0 to 1000000. */
  max_vendor_usd?: ((number) | null);
  /** Which other routes the task may take when the first one fails: never, same_price, any. The stricter rule of the key or the account counts. */
  fallback?: (Fallback | null);
  type: "generate_multiview_image";
  file: FileRef;
  /** Default: what the operator chose. */
  model_version?: (string | null);
};

/** The sides, in the order of the wire. */
export type View = "front" | "left" | "back" | "right";

/** The edit of one view. */
export type ViewPrompt = {
  view: View;
  /** 1 to 1024 characters. */
  prompt: string;
};

/** Change some of the four pictures of a multiview task; all four are answered. */
export type EditMultiview = {
  /** 1 to 3, higher is sooner. */
  priority?: number;
  /** The most in US dollars that a vendor may charge for one picture, 0 to 1000000. */
  max_vendor_usd?: ((number) | null);
  /** Which other routes the task may take when the first one fails: never, same_price, any. The stricter rule of the key or the account counts. */
  fallback?: (Fallback | null);
  type: "edit_multiview_image";
  /** A multiview task that has succeeded. */
  original_task_id: string;
  prompts: Array<ViewPrompt>;
  /** Default: what the operator chose. */
  model_version?: (string | null);
};

export type V3Error = {
  code: 2 | 1000 | 1001 | 1003 | 1004 | 1005 | 1007 | 2000 | 2001 | 2002 | 2003 | 2004 | 2005 | 2006 | 2007 | 2008 | 2009 | 2010 | 2011 | 2012 | 2013 | 2014 | 2015 | 2016 | 2017 | 2018 | 2019 | 2021 | 2022 | 4001;
  status: "error";
  message: string;
  suggestion: string;
  request_id: string;
};

export type V3Task = {
  task_id: string;
  type: string;
  status: "queued" | "running" | "success" | "failed" | "cancelled";
  created_at: string;
  credits_consumed: number;
  /** The request as it was understood. */
  input: Record<string, unknown>;
  /** Empty until success. */
  output: {
    generated_image_url?: string;
    generated_image_urls?: Array<string>;
    generate_multiview_image?: Record<string, unknown>;
  };
  progress: number;
  completed_at?: string;
  error_code?: number;
  error_message?: string;
  /** What really made the picture. */
  served_by?: Record<string, unknown>;
  /** A small copy; in lists and lineages. */
  thumbnail_url?: string;
  /** The fields that were not obeyed; absent where there are none. */
  ignored?: Array<{
    field: string;
    reason: string;
  }>;
  /** What the pictures looked like before they were finished; absent where there are none. */
  partial_images?: Array<{
    /** Which of the task's pictures, from 1. */
    picture: number;
    /** Which of its previews, from 0. */
    number: number;
    url: string;
  }>;
  /** Retention leaves its pictures alone. Absent otherwise. */
  kept?: true;
  /** When it will be erased, unless that is undone. */
  erase_at?: string;
  /** When its picture was removed. */
  output_removed_at?: string;
};

export type Usage = {
  task_id: string;
  type: string;
  status: "queued" | "running" | "success" | "failed" | "cancelled";
  created_at: string;
  credits_consumed: number;
};

/** Make a picture from a prompt and a template. */
export type ImageFromText = {
  /** 1 to 3, higher is sooner. */
  priority?: number;
  /** The most in US dollars that a vendor may charge for one picture, 0 to 1000000. */
  max_vendor_usd?: ((number) | null);
  /** Which other routes the task may take when the first one fails: never, same_price, any. The stricter rule of the key or the account counts. */
  fallback?: (Fallback | null);
  /** Receives the event when this task ends; see Webhooks. */
  webhook_url?: (string | null);
  /** How many pictures are made, 1 to 10, each at the price of one. Default: 1. */
  n?: (number | null);
  /** 1K, 2K, 4K, or exact pixels as WIDTHxHEIGHT, 64 to 4096 each. Default: what the model makes. */
  size?: (string | null);
  /** Preferred ratio as width:height, from 1:8 to 8:1. */
  aspect_ratio?: (string | null);
  /** One of low, medium, high, xhigh, max. */
  quality?: (string | null);
  /** One of transparent, opaque. */
  background?: (string | null);
  /** One of png, jpeg, webp. */
  output_format?: (string | null);
  /** 0 to 100, for jpeg and webp; 100 is the best quality. */
  output_compression?: (number | null);
  /** 0 to 2147483647; of several pictures, each has the next number. */
  seed?: (number | null);
  /** 0 to 3 previews of each picture while it is drawn, where the model has them. */
  partial_images?: (number | null);
  /** 1 to 1800 characters. May be left out when a template is set. `image[1]` names the first reference picture. */
  prompt?: (string | null);
  negative_prompt?: (string | null);
  /** Default: flux.1_kontext_pro, or what the operator chose. */
  model?: (string | null);
  /** Its name on v2; model counts if both are given. */
  model_version?: (string | null);
  template?: (string | null);
  t_pose?: (boolean | null);
  sketch_to_render?: (boolean | null);
  style_image?: (FileRef | null);
};

/** A reference picture: exactly one of `file_token`, `url`, `object`, `task_id` and `data`. */
export type FileReference = {
  /** A hint, not validated. */
  type?: (string | null);
  /** The token an upload answered. */
  file_token?: (string | null);
  /** A public http(s) URL, at most 20 MB. */
  url?: (string | null);
  object?: (ObjectRef | null);
  /** The picture itself in base64, at most 20 MB decoded. */
  data?: (string | null);
  /** A task of yours that made a picture. */
  task_id?: (string | null);
  /** With `task_id`: which of its pictures, by the name in its link, such as `generated_image_2` or `left_view`. Default: the first. */
  picture?: (string | null);
};

/** Make a picture from reference pictures, a prompt and a template. */
export type ImageFromImage = {
  /** 1 to 3, higher is sooner. */
  priority?: number;
  /** The most in US dollars that a vendor may charge for one picture, 0 to 1000000. */
  max_vendor_usd?: ((number) | null);
  /** Which other routes the task may take when the first one fails: never, same_price, any. The stricter rule of the key or the account counts. */
  fallback?: (Fallback | null);
  /** Receives the event when this task ends; see Webhooks. */
  webhook_url?: (string | null);
  /** How many pictures are made, 1 to 10, each at the price of one. Default: 1. */
  n?: (number | null);
  /** 1K, 2K, 4K, or exact pixels as WIDTHxHEIGHT, 64 to 4096 each. Default: what the model makes. */
  size?: (string | null);
  /** Preferred ratio as width:height, from 1:8 to 8:1. */
  aspect_ratio?: (string | null);
  /** One of low, medium, high, xhigh, max. */
  quality?: (string | null);
  /** One of transparent, opaque. */
  background?: (string | null);
  /** One of png, jpeg, webp. */
  output_format?: (string | null);
  /** 0 to 100, for jpeg and webp; 100 is the best quality. */
  output_compression?: (number | null);
  /** 0 to 2147483647; of several pictures, each has the next number. */
  seed?: (number | null);
  /** 0 to 3 previews of each picture while it is drawn, where the model has them. */
  partial_images?: (number | null);
  /** 1 to 1800 characters. May be left out when a template is set. `image[1]` names the first reference picture. */
  prompt?: (string | null);
  negative_prompt?: (string | null);
  /** Default: flux.1_kontext_pro, or what the operator chose. */
  model?: (string | null);
  /** Its name on v2; model counts if both are given. */
  model_version?: (string | null);
  template?: (string | null);
  t_pose?: (boolean | null);
  sketch_to_render?: (boolean | null);
  /** A URL, a data: URL, a file token (file_…), the id of a task of yours, or an object with one of them. */
  input?: (string | FileReference | null);
  /** Of each: A URL, a data: URL, a file token (file_…), the id of a task of yours, or an object with one of them. */
  inputs?: (Array<(string | FileReference)> | null);
  /** A URL, a data: URL, a file token (file_…), the id of a task of yours, or an object with one of them. */
  file?: (string | FileReference | null);
  /** Of each: A URL, a data: URL, a file token (file_…), the id of a task of yours, or an object with one of them. */
  files?: (Array<(string | FileReference)> | null);
  /** A PNG or WebP of the size of the first picture; its transparent parts are drawn anew. A URL, a data: URL, a file token (file_…), the id of a task of yours, or an object with one of them. */
  mask?: (string | FileReference | null);
};

/** Show the subject of a picture from the front, the left, the back and the right. */
export type ViewsOfImage = {
  /** 1 to 3, higher is sooner. */
  priority?: number;
  /** The most in US dollars that a vendor may charge for one picture, 0 to 1000000. */
  max_vendor_usd?: ((number) | null);
  /** Which other routes the task may take when the first one fails: never, same_price, any. The stricter rule of the key or the account counts. */
  fallback?: (Fallback | null);
  /** Receives the event when this task ends; see Webhooks. */
  webhook_url?: (string | null);
  /** A URL, a data: URL, a file token (file_…), the id of a task of yours, or an object with one of them. */
  input?: (string | FileReference | null);
  /** Its name on v2. */
  file?: (string | FileReference | null);
  /** Default: what the operator chose. */
  model?: (string | null);
  /** Its name on v2. */
  model_version?: (string | null);
};

/** Change some of the four pictures of a multiview task; all four are answered. */
export type EditedViews = {
  /** 1 to 3, higher is sooner. */
  priority?: number;
  /** The most in US dollars that a vendor may charge for one picture, 0 to 1000000. */
  max_vendor_usd?: ((number) | null);
  /** Which other routes the task may take when the first one fails: never, same_price, any. The stricter rule of the key or the account counts. */
  fallback?: (Fallback | null);
  /** Receives the event when this task ends; see Webhooks. */
  webhook_url?: (string | null);
  /** A multiview task that has succeeded. */
  input?: (string | null);
  /** Its name on v2. */
  original_task_id?: (string | null);
  prompts: Array<ViewPrompt>;
  /** Default: what the operator chose. */
  model?: (string | null);
  /** Its name on v2. */
  model_version?: (string | null);
};

/** Body of `POST /v3/files/presign`. The uploaded bytes decide the type. */
export type PictureFormat = {
  /** jpg, jpeg, png or webp. */
  format: "jpg" | "jpeg" | "png" | "webp";
};

/** Body of `POST /v3/files/upload-credentials`, which some clients leave empty. */
export type CredentialsRequest = {
  /** jpg, jpeg, png or webp. */
  format?: "jpg" | "jpeg" | "png" | "webp";
};

export type Webhook = {
  webhook_id: string;
  url: (string | null);
  per_task: boolean;
  events: Array<"task.succeeded" | "task.failed" | "task.banned" | "task.expired" | "task.cancelled" | "task.progress" | "budget.warning">;
  description: string;
  enabled: boolean;
  disabled_why: (string | null);
  created_at: string;
};

export type WebhookWithSecret = {
  webhook_id: string;
  url: (string | null);
  per_task: boolean;
  events: Array<"task.succeeded" | "task.failed" | "task.banned" | "task.expired" | "task.cancelled" | "task.progress" | "budget.warning">;
  description: string;
  enabled: boolean;
  disabled_why: (string | null);
  created_at: string;
  /** Shown only in this response. */
  secret: string;
};

export type Delivery = {
  delivery_id: string;
  webhook_id: string;
  event: "task.succeeded" | "task.failed" | "task.banned" | "task.expired" | "task.cancelled" | "task.progress" | "budget.warning" | "webhook.test";
  task_id: (string | null);
  url: (string | null);
  state: "pending" | "delivered" | "failed" | "dropped";
  attempts: number;
  created_at: string;
  next_at: (string | null);
  finished_at: (string | null);
};

export type DeliveryWithLog = {
  delivery_id: string;
  webhook_id: string;
  event: "task.succeeded" | "task.failed" | "task.banned" | "task.expired" | "task.cancelled" | "task.progress" | "budget.warning" | "webhook.test";
  task_id: (string | null);
  url: (string | null);
  state: "pending" | "delivered" | "failed" | "dropped";
  attempts: number;
  created_at: string;
  next_at: (string | null);
  finished_at: (string | null);
  log: Array<{
    number: number;
    at: string;
    duration_ms: number;
    status: (number | null);
    error: (string | null);
    answer: (string | null);
  }>;
};

/** A webhook to add: with a `url`, or for the `webhook_url` of tasks. */
export type NewWebhook = {
  /** A public https address. */
  url?: (string | null);
  /** Serve the `webhook_url` of tasks. */
  per_task?: boolean;
  /** Any of task.succeeded, task.failed, task.banned, task.expired, task.cancelled, task.progress, budget.warning. Left out or empty: the ends of tasks. */
  events?: Array<string>;
  /** A label of your own. */
  description?: string;
};

/** Options of replacing a secret. */
export type Rotation = {
  /** Hours for which messages carry the old secret's signature too. */
  overlap_hours?: number;
};

/** Several tasks of the account. */
export type TaskSelection = {
  task_ids: Array<string>;
};

/** Tasks to erase. */
export type ErasureRequest = {
  task_ids: Array<string>;
  /** Seconds for which it can be undone. */
  grace_s?: number;
  /** Erase kept tasks too. */
  even_kept?: boolean;
};

export type Template = {
  template: string;
  /** A digest of its folder. */
  version: string;
  origin: "built_in" | "shared" | "own";
  title: string;
  summary: string;
  aspect_ratio: (string | null);
  best_with: Array<string>;
  needs_image: boolean;
  pictures: Array<{
    file: string;
    role: string;
  }>;
  before: (string | null);
  after: (string | null);
  create_time?: number;
  text?: string;
};

/** A picture: new `data`, or the `file` of the current version by its name. */
export type TemplateFile = {
  /** PNG or JPEG, base64. */
  data?: (string | null);
  /** A file of the current version. */
  file?: (string | null);
};

/** A picture that is sent with the prompt, after the caller's. */
export type TemplateReference = {
  /** PNG or JPEG, base64. */
  data?: (string | null);
  /** A file of the current version. */
  file?: (string | null);
  /** Completes "Image 2: …". */
  role: string;
};

/** A template, or a new version of one. */
export type NewTemplate = {
  title: string;
  summary: string;
  /** What precedes the caller's prompt. */
  text: string;
  /** Such as "16:9". */
  aspect_ratio?: (string | null);
  /** Models that suit it. */
  best_with?: Array<string>;
  /** It is made to work on a picture of the caller's. */
  needs_image?: boolean;
  pictures?: Array<TemplateReference>;
  /** Shows what it does; not sent. */
  before?: (TemplateFile | null);
  after?: (TemplateFile | null);
};

/** The version that is used again. */
export type EarlierVersion = {
  /** As the list of versions has it. */
  version: string;
};

export type WeatherPeriod = {
  /** Seconds; null without a picture in this time. */
  p50_s: (number | null);
  /** Seconds; null without a picture in this time. */
  p95_s: (number | null);
  /** Share of the calls that brought a picture. */
  picture_share: (number | null);
  /** By kind. */
  failure_shares: Record<string, number>;
};

export type RouteWeather = {
  route: string;
  provider: string;
  models: Array<string>;
  condition: "open" | "paused" | "broken" | "rested";
  /** When a condition other than `open` ends. */
  until_ms: (number | null);
  outlook: "good" | "slow" | "failing" | "unknown";
  hour: WeatherPeriod;
  day: WeatherPeriod;
};

/** The credits of all accounts together. */
export type AdminCreditTotals = {
  available: number;
  held: number;
};

/** A worker that has leases of running tasks; `until_ms` is when the first of them ends. */
export type AdminLeaseHolder = {
  owner: string;
  tasks: number;
  until_ms: number;
};

/** The queued tasks of one model, and when the oldest of them was created. */
export type AdminModelQueue = {
  model: string;
  queued: number;
  oldest_ms: number;
};

/** Webhook deliveries that wait, lanes that have some, and lanes whose breaker is open. */
export type AdminOutboxTotals = {
  deliveries: number;
  lanes: number;
  open_lanes: number;
};

/** A provider's last free check: when, whether it was well, and what it said.  `drifts` are what had changed on its routes by then, as `route: price`. */
export type AdminProviderCheck = {
  provider: string;
  checked_ms: number;
  well: boolean;
  says: string;
  drifts?: Array<string>;
};

/** Whether a route may be used now. */
export type AdminRouteCondition = "open" | "paused" | "broken" | "rested";

/** A configured route, the models that it serves, and until when and why it is not used. */
export type AdminRouteState = {
  route: string;
  provider: string;
  upstream: string;
  models: Array<string>;
  condition: AdminRouteCondition;
  until_ms?: (number | null);
  reason?: (string | null);
};

/** How many files the picture store holds, and their bytes. Counted at `at_ms`. */
export type AdminStoredTotals = {
  files: number;
  size: number;
  at_ms: number;
};

/** Figures over all accounts and processes at `at_ms`. `queue` is by model, `workers` those that run tasks. */
export type AdminOverview = {
  at_ms: number;
  queue: Array<AdminModelQueue>;
  workers: Array<AdminLeaseHolder>;
  expired_leases: number;
  routes: Array<AdminRouteState>;
  checks: Array<AdminProviderCheck>;
  credits: AdminCreditTotals;
  outbox: AdminOutboxTotals;
  stored: AdminStoredTotals;
};

/** `failures` are counts by kind. The percentiles are of pictures; None without one. */
export type AdminCallStatistics = {
  calls: number;
  pictures: number;
  failures: Record<string, number>;
  p50_ms: (number | null);
  p95_ms: (number | null);
  last_picture_ms: (number | null);
};

/** A change that an operator should look at. */
export type AdminDrift = "price" | "answers";

/** What a route's recent calls say about the next one. */
export type AdminOutlook = "good" | "slow" | "failing" | "unknown";

/** How a route has worked in the last hour and the last day, and its vendor's last free check. */
export type AdminRouteStatistics = {
  state: AdminRouteState;
  outlook: AdminOutlook;
  hour: AdminCallStatistics;
  day: AdminCallStatistics;
  drifts: Array<AdminDrift>;
  check: (AdminProviderCheck | null);
};

/** The result of one check: when it is not `well`, `which` items are wrong, and the `remedy`. */
export type AdminFinding = {
  check: string;
  well: boolean;
  detail: string;
  remedy?: string;
  which?: Array<string>;
  repaired?: boolean;
};

/** The attempts of one route in a period.  `wasted` are attempts that were charged and brought no picture, `unknown` those that may have been charged. `cost_usd` is what is known to be paid, `doubt_usd` what the unknown ones would cost, `unpriced` how many charged attempts have no known price. `credits` is what the callers paid for the pictures. */
export type AdminRouteSpend = {
  provider: string;
  route: string;
  attempts: number;
  pictures: number;
  wasted: number;
  unknown: number;
  cost_usd: number;
  doubt_usd: number;
  unpriced: number;
  credits: number;
};

/** One action of an operator. `details` never hold a secret. */
export type AdminAuditEntry = {
  number: number;
  at_ms: number;
  actor: string;
  act: string;
  subject: string;
  details: Record<string, unknown>;
};

/** An account with its credits and the number of its keys in force. `tasks` is its own limit, if it has one. */
export type AdminAccountRow = {
  id: string;
  name: string;
  created_ms: number;
  available: number;
  held: number;
  weight: number;
  tasks: (number | null);
  keys: number;
};

export type AdminFailedAttempt = {
  id: string;
  task: string;
  account: string;
  route: string;
  kind: string;
  reason: (string | null);
  detail: (string | null);
  charged: boolean;
  began_ms: number;
  closed_ms: (number | null);
};

export type AdminNewAccount = {
  /** Lower-case letters, digits, dots, dashes and underscores. */
  name: string;
  /** Credits to begin with. */
  credits?: number;
  /** Image tasks under way at once. */
  tasks?: (number | null);
};

export type AdminAccountChange = {
  /** Image tasks under way at once. */
  tasks?: (number | null);
  /** 1 is an ordinary account's share. */
  weight?: (number | null);
};

export type AdminGrant = {
  /** How many; a negative number takes back. */
  credits: number;
  /** The reason, kept in the ledger. */
  note?: (string | null);
};

/** Limits of a key; null removes one. */
export type AdminKeyLimits = {
  /** Most that a vendor may charge for one picture. */
  max_vendor_usd?: (number | null);
  /** Other routes it may take: never, same_price, any. */
  fallback?: (Fallback | null);
  /** Requests a second, at least 1. */
  per_second?: (number | null);
  tasks?: (number | null);
  credits_per_day?: (number | null);
  credits_per_month?: (number | null);
  credits?: (number | null);
  /** When it ends, in ms since 1970. */
  expires_ms?: (number | null);
};

export type AdminNewKey = {
  /** Most that a vendor may charge for one picture. */
  max_vendor_usd?: (number | null);
  /** Other routes it may take: never, same_price, any. */
  fallback?: (Fallback | null);
  /** Requests a second, at least 1. */
  per_second?: (number | null);
  tasks?: (number | null);
  credits_per_day?: (number | null);
  credits_per_month?: (number | null);
  credits?: (number | null);
  /** When it ends, in ms since 1970. */
  expires_ms?: (number | null);
  /** What the key is for. */
  name?: string;
  /** generate, read, webhooks, admin. */
  scopes?: Array<string>;
};

export type AdminRest = {
  /** The route's name, as GET /admin/routes shows it. */
  route: string;
  /** For how long: 1 minute to 30 days. */
  minutes?: number;
  /** One line, shown beside the route. */
  reason?: string;
};

export type AdminRoute = {
  /** The route's name, as GET /admin/routes shows it. */
  route: string;
};

export type AdminProvider = {
  /** Only this one. Default: all active. */
  provider?: (string | null);
};

export type AdminExamination = {
  /** Repair what is safe to repair. */
  repair?: boolean;
};

/** Budgets of an account; what is not named stays, null removes it. */
export type AdminBudget = {
  /** Most that a vendor may charge for one picture. */
  max_vendor_usd?: (number | null);
  /** Other routes it may take: never, same_price, any. */
  fallback?: (Fallback | null);
  credits_per_day?: (number | null);
  credits_per_month?: (number | null);
};

export type AdminErasure = {
  /** Who asked for it, for the receipt. */
  by?: (string | null);
};

export type AdminKeep = {
  /** Whether retention leaves the pictures alone. */
  kept?: boolean;
};

export type AdminShare = {
  /** Name of the account that may use it. */
  guest: string;
  /** false takes it back. */
  shared?: boolean;
};

export type AdminStudioLink = {
  /** With the scope admin: the operator's pages too. */
  operator?: boolean;
};

export type AdminWords = {
  /** The whole list; an empty one removes it. */
  words: Array<string>;
};

export type AdminAnswer = {
  /** upheld or overturned. */
  decision: string;
  /** What the caller is told. */
  text: string;
};

export type WatchFrame = {
  event: "update" | "finalized";
  data: Task;
};

export type TaskEnded = {
  type: "task.succeeded" | "task.failed" | "task.banned" | "task.expired" | "task.cancelled";
  timestamp: string;
  data: Task;
};

export type TaskProgressed = {
  type: "task.progress";
  timestamp: string;
  data: Task;
};

export type BudgetWarning = {
  type: "budget.warning";
  timestamp: string;
  data: {
    budget: {
      of: "account" | "key";
      period: "day" | "month";
      percent: number;
      spent: number;
      limit: number;
    };
  };
};

export type WebhookTest = {
  type: "webhook.test";
  timestamp: string;
  data: Record<string, unknown>;
};

export interface Calls {
  /** Read a task */
  "GET /v2/openapi/task/{task_id}": { body: never; answer: {
    code: 0;
    data: Task;
  } };
  /** Create a task */
  "POST /v2/openapi/task": { body: (GenerateImage | TextToImage | GenerateMultiview | EditMultiview); answer: {
    code: 0;
    data: ({
      task_id: string;
    } | Task);
  } };
  /** Quote a task, and tell its problems */
  "POST /v2/openapi/task/quote": { body: (GenerateImage | TextToImage | GenerateMultiview | EditMultiview); answer: {
    code: 0;
    data: Quote;
  } };
  /** Read several tasks */
  "POST /v2/openapi/task/batch": { body: {
    task_ids: Array<string>;
  }; answer: {
    code: 0;
    data: {
      tasks: Record<string, Task>;
      missed: Array<unknown>;
    };
  } };
  /** Cancel a task */
  "POST /v2/openapi/task/{task_id}/cancel": { body: never; answer: {
    code: 0;
    data: Task;
  } };
  /** Upload a picture */
  "POST /v2/openapi/upload": { body: Blob; answer: {
    code: 0;
    data: {
      image_token: string;
    };
  } };
  /** Upload a picture (the newer path) */
  "POST /v2/openapi/upload/sts": { body: Blob; answer: {
    code: 0;
    data: {
      image_token: string;
    };
  } };
  /** Get credentials to upload by S3 */
  "POST /v2/openapi/upload/sts/token": { body: {
    format: "jpeg" | "jpg" | "png" | "webp";
  }; answer: {
    code: 0;
    data: {
      s3_host: string;
      resource_bucket: string;
      resource_uri: string;
      session_token: string;
      sts_ak: string;
      sts_sk: string;
    };
  } };
  /** The models that are served here */
  "GET /v2/openapi/models": { body: never; answer: {
    code: 0;
    data: {
      models: Array<{
        model_version: string;
        title: string;
        /** Further names that are accepted in its place. */
        aliases: Array<string>;
        /** The price of a picture. */
        credits: number;
        /** The most of a task; 0 for none. */
        reference_images: number;
        /** Absent for a model that takes no reference images. */
        reference_formats?: Array<string>;
        /** The model that runs when a task has reference images. */
        model_with_image?: string;
        /** Who draws, the preferred one first. */
        served_by: Array<{
          provider: string;
          model: string;
        }>;
        /** The optional fields of a task that the first of them obeys. */
        obeys: Record<string, unknown>;
        /** When its maker shut the original down. */
        retired?: string;
      }>;
    };
  } };
  /** Credits to spend, and credits held */
  "GET /v2/openapi/user/balance": { body: never; answer: {
    code: 0;
    data: {
      balance: number;
      frozen: number;
    };
  } };
  /** Credits, by their other path */
  "GET /v2/openapi/user/wallet/balance": { body: never; answer: {
    code: 0;
    data: {
      balance: number;
      frozen: number;
    };
  } };
  /** List and search tasks, the newest first */
  "GET /v2/openapi/tasks": { body: never; answer: {
    code: 0;
    data: {
      tasks: Array<Task>;
      /** `after` of the next page, or null. */
      next: (string | null);
    };
  } };
  /** Download pictures as a zip archive */
  "GET /v2/openapi/tasks/zip": { body: never; answer: Blob };
  /** Download many pictures as a zip */
  "POST /v2/openapi/tasks/zip": { body: TaskSelection; answer: Blob };
  /** What a task was made from, and into */
  "GET /v2/openapi/task/{task_id}/lineage": { body: never; answer: {
    code: 0;
    data: {
      task_id: string;
      tasks: Record<string, Task>;
      edges: Array<{
        task_id: string;
        field: string;
        parent_id: string;
      }>;
      complete: boolean;
    };
  } };
  /** Download the vendor's own file */
  "GET /v2/openapi/task/{task_id}/original": { body: never; answer: Blob };
  /** Explain what became of a task */
  "GET /v2/openapi/task/{task_id}/explain": { body: never; answer: {
    code: 0;
    data: {
      task_id: string;
      status: string;
      model: string;
      price: number;
      consumed_credit: number;
      prompts: Array<{
        part: string;
        text: string;
        parts: Array<{
          source: string;
          text: string;
        }>;
        aspect_ratio: (string | null);
        notes: Array<string>;
      }>;
      ignored: Array<{
        field: string;
        reason: string;
      }>;
      references: Array<Record<string, unknown>>;
      times: Record<string, unknown>;
      attempts: Array<Record<string, unknown>>;
      credits: Array<Record<string, unknown>>;
      served_by: (Record<string, unknown> | null);
      erased: (Record<string, unknown> | null);
    };
  } };
  /** Keep a task's pictures, whatever retention says */
  "PUT /v2/openapi/task/{task_id}/kept": { body: never; answer: {
    code: 0;
    data: Task;
  } };
  /** Keep a task's pictures no longer */
  "DELETE /v2/openapi/task/{task_id}/kept": { body: never; answer: {
    code: 0;
    data: Task;
  } };
  /** Erase tasks, with time to undo it */
  "POST /v2/openapi/tasks/erase": { body: ErasureRequest; answer: {
    code: 0;
    data: {
      /** When they are erased. */
      erase_time: (number | string);
      erasing: Array<string>;
      kept: Array<string>;
      unfinished: Array<string>;
      missed: Array<string>;
      /** Tasks made from those that are erased. */
      derived: Record<string, Array<string>>;
    };
  } };
  /** Undo an erasure */
  "POST /v2/openapi/tasks/erase/undo": { body: TaskSelection; answer: {
    code: 0;
    data: {
      restored: Array<string>;
      missed: Array<string>;
    };
  } };
  /** Watch all tasks (WebSocket) */
  "GET /v2/openapi/task/watch/all": { body: never; answer: never };
  /** Watch all tasks, those that changed since a time first (WebSocket) */
  "GET /v2/openapi/task/watch/all/{since}": { body: never; answer: never };
  /** Watch a task (WebSocket) */
  "GET /v2/openapi/task/watch/{task_id}": { body: never; answer: never };
  /** List and search tasks, the newest first */
  "GET /v3/tasks/list": { body: never; answer: {
    code: 0;
    status: "success";
    data: {
      tasks: Array<V3Task>;
      /** `after` of the next page, or null. */
      next: (string | null);
    };
  } };
  /** Read several tasks */
  "POST /v3/tasks/list": { body: {
    task_ids: Array<string>;
  }; answer: {
    code: 0;
    status: "success";
    data: {
      tasks: Record<string, V3Task>;
      missed: Array<unknown>;
    };
  } };
  /** Download pictures as a zip archive */
  "GET /v3/tasks/zip": { body: never; answer: Blob };
  /** Download many pictures as a zip */
  "POST /v3/tasks/zip": { body: TaskSelection; answer: Blob };
  /** What a task was made from, and into */
  "GET /v3/tasks/{task_id}/lineage": { body: never; answer: {
    code: 0;
    status: "success";
    data: {
      task_id: string;
      tasks: Record<string, V3Task>;
      edges: Array<{
        task_id: string;
        field: string;
        parent_id: string;
      }>;
      complete: boolean;
    };
  } };
  /** Download the vendor's own file */
  "GET /v3/tasks/{task_id}/original": { body: never; answer: Blob };
  /** Explain what became of a task */
  "GET /v3/tasks/{task_id}/explain": { body: never; answer: {
    code: 0;
    status: "success";
    data: {
      task_id: string;
      status: string;
      model: string;
      price: number;
      consumed_credit: number;
      prompts: Array<{
        part: string;
        text: string;
        parts: Array<{
          source: string;
          text: string;
        }>;
        aspect_ratio: (string | null);
        notes: Array<string>;
      }>;
      ignored: Array<{
        field: string;
        reason: string;
      }>;
      references: Array<Record<string, unknown>>;
      times: Record<string, unknown>;
      attempts: Array<Record<string, unknown>>;
      credits: Array<Record<string, unknown>>;
      served_by: (Record<string, unknown> | null);
      erased: (Record<string, unknown> | null);
    };
  } };
  /** Keep a task's pictures, whatever retention says */
  "PUT /v3/tasks/{task_id}/kept": { body: never; answer: {
    code: 0;
    status: "success";
    data: V3Task;
  } };
  /** Keep a task's pictures no longer */
  "DELETE /v3/tasks/{task_id}/kept": { body: never; answer: {
    code: 0;
    status: "success";
    data: V3Task;
  } };
  /** Erase tasks, with time to undo it */
  "POST /v3/tasks/erase": { body: ErasureRequest; answer: {
    code: 0;
    status: "success";
    data: {
      /** When they are erased. */
      erase_at: (number | string);
      erasing: Array<string>;
      kept: Array<string>;
      unfinished: Array<string>;
      missed: Array<string>;
      /** Tasks made from those that are erased. */
      derived: Record<string, Array<string>>;
    };
  } };
  /** Undo an erasure */
  "POST /v3/tasks/erase/undo": { body: TaskSelection; answer: {
    code: 0;
    status: "success";
    data: {
      restored: Array<string>;
      missed: Array<string>;
    };
  } };
  /** Read a task */
  "GET /v3/tasks/{task_id}": { body: never; answer: {
    code: 0;
    status: "success";
    data: V3Task;
  } };
  /** Make a picture from words */
  "POST /v3/generation/text-to-image": { body: ImageFromText; answer: {
    code: 0;
    status: "success";
    data: ({
      task_id: string;
      type: string;
      status: "queued" | "running" | "success" | "failed" | "cancelled";
    } | V3Task);
  } };
  /** Make a picture from pictures */
  "POST /v3/generation/image-to-image": { body: ImageFromImage; answer: {
    code: 0;
    status: "success";
    data: ({
      task_id: string;
      type: string;
      status: "queued" | "running" | "success" | "failed" | "cancelled";
    } | V3Task);
  } };
  /** Show a subject from four sides */
  "POST /v3/generation/image-to-multiview": { body: ViewsOfImage; answer: {
    code: 0;
    status: "success";
    data: ({
      task_id: string;
      type: string;
      status: "queued" | "running" | "success" | "failed" | "cancelled";
    } | V3Task);
  } };
  /** Change some of the four sides */
  "POST /v3/generation/edit-multiview": { body: EditedViews; answer: {
    code: 0;
    status: "success";
    data: ({
      task_id: string;
      type: string;
      status: "queued" | "running" | "success" | "failed" | "cancelled";
    } | V3Task);
  } };
  /** Quote a task of text-to-image */
  "POST /v3/generation/text-to-image/quote": { body: ImageFromText; answer: {
    code: 0;
    status: "success";
    data: Quote;
  } };
  /** Quote a task of image-to-image */
  "POST /v3/generation/image-to-image/quote": { body: ImageFromImage; answer: {
    code: 0;
    status: "success";
    data: Quote;
  } };
  /** Quote a task of image-to-multiview */
  "POST /v3/generation/image-to-multiview/quote": { body: ViewsOfImage; answer: {
    code: 0;
    status: "success";
    data: Quote;
  } };
  /** Quote a task of edit-multiview */
  "POST /v3/generation/edit-multiview/quote": { body: EditedViews; answer: {
    code: 0;
    status: "success";
    data: Quote;
  } };
  /** Upload a picture */
  "POST /v3/files": { body: Blob; answer: {
    code: 0;
    status: "success";
    data: {
      file_token: string;
    };
  } };
  /** Get a link that takes a picture */
  "POST /v3/files/presign": { body: PictureFormat; answer: {
    code: 0;
    status: "success";
    data: {
      presigned_url: string;
      upload_url: string;
      file_token: string;
      expires_in: 1800;
    };
  } };
  /** Get a link or S3 keys */
  "POST /v3/files/upload-credentials": { body: CredentialsRequest; answer: {
    code: 0;
    status: "success";
    data: {
      file_token: string;
      upload_url: string;
      expires_at: string;
      s3_host: string;
      resource_bucket: string;
      resource_uri: string;
      session_token: string;
      sts_ak: string;
      sts_sk: string;
    };
  } };
  /** Upload a picture to a presigned link */
  "PUT /v3/files/{tag}/{token}": { body: Blob; answer: {
    code: 0;
    status: "success";
    data: {
      file_token: string;
    };
  } };
  /** The models that are served here */
  "GET /v3/models": { body: never; answer: {
    code: 0;
    status: "success";
    data: {
      models: Array<{
        model_version: string;
        title: string;
        /** Further names that are accepted in its place. */
        aliases: Array<string>;
        /** The price of a picture. */
        credits: number;
        /** The most of a task; 0 for none. */
        reference_images: number;
        /** Absent for a model that takes no reference images. */
        reference_formats?: Array<string>;
        /** The model that runs when a task has reference images. */
        model_with_image?: string;
        /** Who draws, the preferred one first. */
        served_by: Array<{
          provider: string;
          model: string;
        }>;
        /** The optional fields of a task that the first of them obeys. */
        obeys: Record<string, unknown>;
        /** When its maker shut the original down. */
        retired?: string;
      }>;
    };
  } };
  /** Credits to spend, and credits held */
  "GET /v3/account/balance": { body: never; answer: {
    code: 0;
    status: "success";
    data: {
      balance: number;
      frozen: number;
    };
  } };
  /** Tasks and what they cost, the newest first */
  "GET /v3/account/usage": { body: never; answer: {
    code: 0;
    status: "success";
    data: Array<Usage>;
  } };
  /** Fetch a picture by its signed link */
  "GET /files/{tag}/{task_id}/{name}": { body: never; answer: Blob };
  /** Fetch a small copy of a picture */
  "GET /thumbs/{task_id}.webp": { body: never; answer: Blob };
  /** Liveness: the process runs */
  "GET /healthz": { body: never; answer: Record<string, unknown> };
  /** Readiness: database, picture store and worker work */
  "GET /readyz": { body: never; answer: Record<string, unknown> };
  /** Metrics in Prometheus' format */
  "GET /metrics": { body: never; answer: Blob };
  /** How fast and how well each route has worked lately */
  "GET /v1/weather": { body: never; answer: {
    code: 0;
    data: {
      routes: Array<RouteWeather>;
    };
  } };
  /** Tell whether a picture was made here, and what its marks say */
  "POST /v1/detect": { body: Blob; answer: {
    code: 0;
    data: {
      /** Made here: the same bytes, or the same but for our marks. */
      ours: boolean;
      /** The caller's own tasks that the picture is of, the 100 newest. */
      tasks: Array<string>;
      /** Not the same bytes, and looks like a picture made here: scaled, saved anew, without marks. */
      looks_like_ours: boolean;
      /** The caller's own tasks whose picture it looks like. */
      tasks_alike: Array<string>;
      says: {
        source: (string | null);
        tool: (string | null);
      };
      manifest: {
        state: "none" | "valid" | "trusted" | "invalid" | "unreadable" | "not_checked";
        signed_here: boolean;
        signer: (string | null);
        generator: (string | null);
        source: (string | null);
        problems: Array<string>;
      };
    };
  } };
  /** List what was refused to you, the 100 newest */
  "GET /v1/refusals": { body: never; answer: {
    code: 0;
    data: {
      rows: Array<{
        id: string;
        task: (string | null);
        stage: "words" | "order" | "delivery" | "vendor";
        reason: string;
        categories: Array<string>;
        prompt: (string | null);
        at_ms: number;
        appeal: (string | null);
        appealed_ms: (number | null);
        decision: "upheld" | "overturned" | null;
        answer: (string | null);
        answered_ms: (number | null);
      }>;
    };
  } };
  /** Read a refusal */
  "GET /v1/refusals/{refusal_id}": { body: never; answer: {
    code: 0;
    data: {
      id: string;
      task: (string | null);
      stage: "words" | "order" | "delivery" | "vendor";
      reason: string;
      categories: Array<string>;
      prompt: (string | null);
      at_ms: number;
      appeal: (string | null);
      appealed_ms: (number | null);
      decision: "upheld" | "overturned" | null;
      answer: (string | null);
      answered_ms: (number | null);
    };
  } };
  /** Appeal a refusal */
  "POST /v1/refusals/{refusal_id}/appeal": { body: {
    /** Why the refusal is wrong. */
    text: string;
  }; answer: {
    code: 0;
    data: {
      id: string;
      task: (string | null);
      stage: "words" | "order" | "delivery" | "vendor";
      reason: string;
      categories: Array<string>;
      prompt: (string | null);
      at_ms: number;
      appeal: (string | null);
      appealed_ms: (number | null);
      decision: "upheld" | "overturned" | null;
      answer: (string | null);
      answered_ms: (number | null);
    };
  } };
  /** The service at a glance */
  "GET /admin/overview": { body: never; answer: {
    code: 0;
    data: AdminOverview;
  } };
  /** The queue by model and by account */
  "GET /admin/queue": { body: never; answer: {
    code: 0;
    data: {
      by_model: Array<AdminModelQueue>;
      by_account: Array<Record<string, unknown>>;
    };
  } };
  /** Routes, their statistics and checks */
  "GET /admin/routes": { body: never; answer: {
    code: 0;
    data: {
      rows: Array<AdminRouteStatistics>;
      /** Pass it as `after`; null on the last page. */
      next: (string | null);
    };
  } };
  /** Rest a route */
  "POST /admin/routes/rest": { body: AdminRest; answer: {
    code: 0;
    data: AdminRouteState;
  } };
  /** Wake a route */
  "POST /admin/routes/wake": { body: AdminRoute; answer: {
    code: 0;
    data: AdminRouteState;
  } };
  /** Check providers with free calls */
  "POST /admin/providers/check": { body: AdminProvider; answer: {
    code: 0;
    data: {
      rows: Array<Record<string, unknown>>;
      /** Pass it as `after`; null on the last page. */
      next: (string | null);
    };
  } };
  /** Failed attempts */
  "GET /admin/failures": { body: never; answer: {
    code: 0;
    data: {
      rows: Array<AdminFailedAttempt>;
      /** Pass it as `after`; null on the last page. */
      next: (string | null);
    };
  } };
  /** What was paid, and the margin */
  "GET /admin/spend": { body: never; answer: {
    code: 0;
    data: {
      since_ms: number;
      rows: Array<AdminRouteSpend>;
      worth_usd: number;
      paid_usd: number;
      margin_usd: number;
    };
  } };
  /** The audit log */
  "GET /admin/audit": { body: never; answer: {
    code: 0;
    data: {
      rows: Array<AdminAuditEntry>;
      /** Pass it as `after`; null on the last page. */
      next: (string | null);
    };
  } };
  /** What was refused, and appeals */
  "GET /admin/refusals": { body: never; answer: {
    code: 0;
    data: {
      rows: Array<Record<string, unknown>>;
      /** Pass it as `after`; null on the last page. */
      next: (string | null);
    };
  } };
  /** Answer an appeal */
  "POST /admin/refusals/{refusal_id}/answer": { body: AdminAnswer; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Remove expired data now */
  "POST /admin/janitor": { body: never; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Compare rows with rows and files */
  "POST /admin/doctor": { body: AdminExamination; answer: {
    code: 0;
    data: {
      well: boolean;
      findings: Array<AdminFinding>;
    };
  } };
  /** List accounts */
  "GET /admin/accounts": { body: never; answer: {
    code: 0;
    data: {
      rows: Array<AdminAccountRow>;
      /** Pass it as `after`; null on the last page. */
      next: (string | null);
    };
  } };
  /** Create an account */
  "POST /admin/accounts": { body: AdminNewAccount; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Change an account's limits */
  "POST /admin/accounts/{name}/limits": { body: AdminAccountChange; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Give an account credits */
  "POST /admin/accounts/{name}/grants": { body: AdminGrant; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** List an account's keys */
  "GET /admin/accounts/{name}/keys": { body: never; answer: {
    code: 0;
    data: {
      rows: Array<Record<string, unknown>>;
      /** Pass it as `after`; null on the last page. */
      next: (string | null);
    };
  } };
  /** Create a key */
  "POST /admin/accounts/{name}/keys": { body: AdminNewKey; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Change a key's limits */
  "POST /admin/keys/{key_id}/limits": { body: AdminKeyLimits; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Revoke a key */
  "POST /admin/keys/{key_id}/revoke": { body: never; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Read an account's budgets */
  "GET /admin/accounts/{name}/budget": { body: never; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Change an account's budgets */
  "POST /admin/accounts/{name}/budget": { body: AdminBudget; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Read an account's word list */
  "GET /admin/accounts/{name}/words": { body: never; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Replace an account's word list */
  "POST /admin/accounts/{name}/words": { body: AdminWords; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Read an account's balance and ledger */
  "GET /admin/accounts/{name}/ledger": { body: never; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Recompute all balances */
  "GET /admin/ledger/proof": { body: never; answer: {
    code: 0;
    data: {
      proved: boolean;
      faults: Array<string>;
    };
  } };
  /** Erase an account */
  "POST /admin/accounts/{name}/erase": { body: AdminErasure; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Make a link to the Studio */
  "POST /admin/accounts/{name}/studio-link": { body: AdminStudioLink; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** List an account's templates */
  "GET /admin/accounts/{name}/templates": { body: never; answer: {
    code: 0;
    data: {
      rows: Array<Record<string, unknown>>;
      /** Pass it as `after`; null on the last page. */
      next: (string | null);
    };
  } };
  /** List versions */
  "GET /admin/accounts/{name}/templates/{slug}/versions": { body: never; answer: {
    code: 0;
    data: {
      rows: Array<Record<string, unknown>>;
      /** Pass it as `after`; null on the last page. */
      next: (string | null);
    };
  } };
  /** Share a template */
  "POST /admin/accounts/{name}/templates/{slug}/share": { body: AdminShare; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Remove a template */
  "POST /admin/accounts/{name}/templates/{slug}/remove": { body: never; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** List and search tasks of all accounts */
  "GET /admin/tasks": { body: never; answer: {
    code: 0;
    data: {
      rows: Array<Record<string, unknown>>;
      /** Pass it as `after`; null on the last page. */
      next: (string | null);
    };
  } };
  /** Read a task */
  "GET /admin/tasks/{task_id}": { body: never; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Explain a task */
  "GET /admin/tasks/{task_id}/explain": { body: never; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** What a task was made from, and into */
  "GET /admin/tasks/{task_id}/lineage": { body: never; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Cancel a task */
  "POST /admin/tasks/{task_id}/cancel": { body: never; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Keep a task's pictures */
  "POST /admin/tasks/{task_id}/keep": { body: AdminKeep; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Erase a task */
  "POST /admin/tasks/{task_id}/erase": { body: AdminErasure; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** List an account's webhooks */
  "GET /admin/accounts/{name}/webhooks": { body: never; answer: {
    code: 0;
    data: {
      rows: Array<Webhook>;
      /** Pass it as `after`; null on the last page. */
      next: (string | null);
    };
  } };
  /** Add a webhook to an account */
  "POST /admin/accounts/{name}/webhooks": { body: NewWebhook; answer: {
    code: 0;
    data: WebhookWithSecret;
  } };
  /** Remove a webhook */
  "POST /admin/webhooks/{webhook_id}/remove": { body: never; answer: {
    code: 0;
    data: Webhook;
  } };
  /** Enable a webhook */
  "POST /admin/webhooks/{webhook_id}/enable": { body: never; answer: {
    code: 0;
    data: Webhook;
  } };
  /** Replace a webhook's secret */
  "POST /admin/webhooks/{webhook_id}/rotate": { body: Rotation; answer: {
    code: 0;
    data: WebhookWithSecret;
  } };
  /** Send a test message */
  "POST /admin/webhooks/{webhook_id}/test": { body: never; answer: {
    code: 0;
    data: Delivery;
  } };
  /** List deliveries */
  "GET /admin/webhooks/{webhook_id}/deliveries": { body: never; answer: {
    code: 0;
    data: {
      rows: Array<DeliveryWithLog>;
      /** Pass it as `after`; null on the last page. */
      next: (string | null);
    };
  } };
  /** Send a delivery again */
  "POST /admin/deliveries/{delivery_id}/replay": { body: never; answer: {
    code: 0;
    data: Delivery;
  } };
  /** List webhooks */
  "GET /v1/webhooks": { body: never; answer: {
    code: 0;
    data: {
      webhooks: Array<Webhook>;
    };
  } };
  /** Add a webhook and get its secret */
  "POST /v1/webhooks": { body: NewWebhook; answer: {
    code: 0;
    data: WebhookWithSecret;
  } };
  /** Read a delivery */
  "GET /v1/webhooks/deliveries/{delivery_id}": { body: never; answer: {
    code: 0;
    data: DeliveryWithLog;
  } };
  /** Send a delivery again */
  "POST /v1/webhooks/deliveries/{delivery_id}/replay": { body: never; answer: {
    code: 0;
    data: Delivery;
  } };
  /** Read a webhook */
  "GET /v1/webhooks/{webhook_id}": { body: never; answer: {
    code: 0;
    data: Webhook;
  } };
  /** Remove a webhook */
  "DELETE /v1/webhooks/{webhook_id}": { body: never; answer: {
    code: 0;
    data: Webhook;
  } };
  /** Replace a webhook's secret */
  "POST /v1/webhooks/{webhook_id}/rotate": { body: Rotation; answer: {
    code: 0;
    data: WebhookWithSecret;
  } };
  /** Enable a webhook */
  "POST /v1/webhooks/{webhook_id}/enable": { body: never; answer: {
    code: 0;
    data: Webhook;
  } };
  /** Send a test message to a webhook */
  "POST /v1/webhooks/{webhook_id}/test": { body: never; answer: {
    code: 0;
    data: Delivery;
  } };
  /** List deliveries to a webhook */
  "GET /v1/webhooks/{webhook_id}/deliveries": { body: never; answer: {
    code: 0;
    data: {
      deliveries: Array<DeliveryWithLog>;
    };
  } };
  /** List the templates that tasks may name */
  "GET /v1/templates": { body: never; answer: {
    code: 0;
    data: {
      templates: Array<Template>;
    };
  } };
  /** List the versions of a template of yours */
  "GET /v1/templates/{slug}/versions": { body: never; answer: {
    code: 0;
    data: {
      versions: Array<Template>;
    };
  } };
  /** Download a template's folder */
  "GET /v1/templates/{slug}/zip": { body: never; answer: Blob };
  /** Fetch a picture of a template */
  "GET /v1/templates/{slug}/files/{name}": { body: never; answer: Blob };
  /** Read a template */
  "GET /v1/templates/{slug}": { body: never; answer: {
    code: 0;
    data: Template;
  } };
  /** Add a template, or a version of it */
  "PUT /v1/templates/{slug}": { body: NewTemplate; answer: {
    code: 0;
    data: Template;
  } };
  /** Remove a template of yours */
  "DELETE /v1/templates/{slug}": { body: never; answer: {
    code: 0;
    data: Record<string, unknown>;
  } };
  /** Use an earlier version of a template of yours again */
  "POST /v1/templates/{slug}/bring-back": { body: EarlierVersion; answer: {
    code: 0;
    data: Template;
  } };
  /** Make pictures from words */
  "POST /v1/images/generations": { body: {
    /** 1 to 32,000 characters. */
    prompt: string;
    /** Empty: the operator's default. */
    model?: (string | null);
    /** 1 to 10 pictures. */
    n?: (number | null);
    /** auto or WIDTHxHEIGHT: the nearest is made. */
    size?: (string | null);
    quality?: (string | null);
    background?: ("transparent" | "opaque" | "auto" | null);
    output_format?: ("png" | "jpeg" | "webp" | null);
    output_compression?: (number | null);
    /** Default: b64_json. */
    response_format?: ("b64_json" | "url" | null);
    stream?: (boolean | null);
    /** Previews of each picture, in a stream. */
    partial_images?: (number | null);
    /** Answer 202 with a task to poll. */
    async?: (boolean | null);
    user?: unknown;
    safety_identifier?: unknown;
    moderation?: unknown;
    style?: unknown;
    input_fidelity?: unknown;
  }; answer: unknown };
  /** Make pictures from words and pictures */
  "POST /v1/images/edits": { body: Record<string, unknown>; answer: unknown };
  /** Read a task that was made with `async` */
  "GET /v1/images/tasks/{task_id}": { body: never; answer: unknown };
  /** The models, as OpenAI's clients list them */
  "GET /v1/models": { body: never; answer: unknown };
  /** One model */
  "GET /v1/models/{model}": { body: never; answer: unknown };
  /** The chosen model */
  "GET /sdapi/v1/options": { body: never; answer: unknown };
  /** Choose a model */
  "POST /sdapi/v1/options": { body: Record<string, unknown>; answer: unknown };
  /** The models */
  "GET /sdapi/v1/sd-models": { body: never; answer: unknown };
  /** The samplers: one */
  "GET /sdapi/v1/samplers": { body: never; answer: unknown };
  /** The schedulers: one */
  "GET /sdapi/v1/schedulers": { body: never; answer: unknown };
  /** The upscalers: none */
  "GET /sdapi/v1/upscalers": { body: never; answer: unknown };
  /** The latent upscalers: none */
  "GET /sdapi/v1/latent-upscale-modes": { body: never; answer: unknown };
  /** The VAEs: none */
  "GET /sdapi/v1/sd-vae": { body: never; answer: unknown };
  /** How far the key's tasks are */
  "GET /sdapi/v1/progress": { body: never; answer: unknown };
  /** Cancel the key's tasks of this API */
  "POST /sdapi/v1/interrupt": { body: never; answer: unknown };
  /** Make pictures from words */
  "POST /sdapi/v1/txt2img": { body: {
    /** 1 to 32,000 characters, with the negative prompt. */
    prompt?: string;
    /** What to avoid; it becomes a sentence of the prompt. */
    negative_prompt?: string;
    /** Pixels: the nearest shape and size are made. */
    width?: number;
    /** Pixels: the nearest shape and size are made. */
    height?: number;
    /** Pictures of a batch. */
    batch_size?: number;
    /** Batches; 10 pictures in all. */
    n_iter?: number;
    /** A negative seed is any. */
    seed?: number;
    /** Whether the answer holds the pictures. */
    send_images?: boolean;
    /** Settings of one call; the model is the only one that has an effect. */
    override_settings?: {
      /** A title of GET /sdapi/v1/sd-models. */
      sd_model_checkpoint?: (string | null);
    };
    /** Without effect. */
    steps?: (number | null);
    /** Without effect. */
    cfg_scale?: (number | null);
    /** Without effect. */
    sampler_name?: (string | null);
  }; answer: unknown };
  /** Make pictures from words and pictures */
  "POST /sdapi/v1/img2img": { body: {
    /** 1 to 32,000 characters, with the negative prompt. */
    prompt?: string;
    /** What to avoid; it becomes a sentence of the prompt. */
    negative_prompt?: string;
    /** Pixels: the nearest shape and size are made. */
    width?: number;
    /** Pixels: the nearest shape and size are made. */
    height?: number;
    /** Pictures of a batch. */
    batch_size?: number;
    /** Batches; 10 pictures in all. */
    n_iter?: number;
    /** A negative seed is any. */
    seed?: number;
    /** Whether the answer holds the pictures. */
    send_images?: boolean;
    /** Settings of one call; the model is the only one that has an effect. */
    override_settings?: {
      /** A title of GET /sdapi/v1/sd-models. */
      sd_model_checkpoint?: (string | null);
    };
    /** Without effect. */
    steps?: (number | null);
    /** Without effect. */
    cfg_scale?: (number | null);
    /** Without effect. */
    sampler_name?: (string | null);
    /** Pictures, in base64 or as data URLs. */
    init_images?: Array<string>;
    mask?: unknown;
    /** Without effect. */
    denoising_strength?: (number | null);
  }; answer: unknown };
}
