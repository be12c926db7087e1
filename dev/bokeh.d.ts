/** What the page's JavaScript uses of BokehJS, as far as it uses it. */
interface BokehView {
  el?: HTMLElement;
  [name: string]: unknown;
}

interface BokehModel {
  class_name?: string;
  data?: any;
  html_attributes?: Map<string, string> | Record<string, string>;
  type: string;
}

interface BokehDocument {
  all_models: Iterable<BokehModel>;
  is_idle: boolean;
  get_model_by_name(name: string): BokehModel | null;
  on_event(name: string, callback: (event: unknown) => void): void;
}

declare const Bokeh: {
  documents: BokehDocument[];
  index: { find_one(model: BokehModel): any };
  Models: { get(name: string): any };
};

interface Window {
  Bokeh?: typeof Bokeh;
}
