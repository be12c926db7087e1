// The first paint is gone when the maps of the page have a place on the screen, or cannot be expected
// any more.
;(() => {
  const first = document.getElementById('winnow-first')
  const patience = 20000
  /** @type {(view: any) => boolean} */
  const placed = (view) => view?.el?.isConnected && view.el.getBoundingClientRect().height > 0
  /** @type {(since: number | null) => void} */
  const look = (since) => {
    const doc = window.Bokeh?.documents?.[0]
    const maps = [0, 1, 2].map((i) => doc?.get_model_by_name(`map-${i}`))
    if (maps.every((map) => map && placed(Bokeh.index.find_one(map))))
      requestAnimationFrame(() => requestAnimationFrame(() => first?.remove()))
    else if (since !== null && performance.now() - since > patience) first?.remove()
    else setTimeout(look, 50, since ?? (doc ? performance.now() : null))
  }
  look(null)
})()
