"""Which feature column carries the label: classifiers trained and tested on folds that never share a group.

data set ─► rows, labels, groups ─► folds ─► views of columns ─► out-of-fold predictions ─► measures ─► result
"""
