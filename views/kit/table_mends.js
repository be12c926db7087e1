// Two faults of Panel's table (1.9.4), see docs/upstream.md. It knows the style sheets it was made
// with: once a theme has given it others it waits for the first ones, in a loop without end that
// takes a core. And it drops rows that come while it is being built: it then stays empty.
export function mendTables() {
  const table = Bokeh.Models.get('panel.models.tabulator.DataTabulator')
    ?.prototype.default_view?.prototype
  if (!table?._update_stylesheets || table.mended) return
  const built = table.tableBuilt
  /** @this {any} */
  table.tableBuilt = function () {
    built.call(this)
    void this.setData()
  }
  /** @param {any} view */
  const settle = (view) => {
    for (const { el: link } of view._applied_stylesheets) {
      if (!(link instanceof HTMLLinkElement)) continue
      const done = () => view._initialized_stylesheets.set(link.href, true)
      if (link.sheet) done()
      else link.addEventListener('load', done)
    }
  }
  const update = table._update_stylesheets
  /** @this {any} */
  table._update_stylesheets = function () {
    update.call(this)
    if (this._initialized_stylesheets) settle(this)
  }
  table.mended = true
  for (const doc of Bokeh.documents)
    for (const item of doc.all_models) {
      const view = item.type.endsWith('DataTabulator') && Bokeh.index.find_one(item)
      if (view?._initialized_stylesheets) settle(view)
    }
}
