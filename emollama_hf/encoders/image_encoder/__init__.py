"""Any image model of timm or transformers: the pooled feature of each picture, before the head."""
