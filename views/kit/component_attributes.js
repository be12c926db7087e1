// Components written with React (Panel 1.9.4) leave out what Bokeh gives every other element: its
// HTML attributes, of which `title` is the tooltip of a button. See docs/upstream.md.
export function giveComponentsTheirAttributes() {
  const component = Bokeh.Models.get('panel.models.esm.ReactComponent')
    ?.prototype.default_view?.prototype
  if (!component?._apply_html_attributes || component.has_attributes) return
  const render = component.render
  /** @this {any} */
  component.render = function () {
    render.call(this)
    this._apply_html_attributes()
  }
  component.has_attributes = true
  for (const doc of Bokeh.documents)
    for (const item of doc.all_models)
      if (item.html_attributes) Bokeh.index.find_one(item)?._apply_html_attributes?.()
}
