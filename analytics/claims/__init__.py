"""Published claims about training sets, held against data: registered one by one, with verdicts."""
